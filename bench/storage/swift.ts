import { bytesOf } from '../../src/domain/bytes.ts';
import { startSwift, swiftInstalled } from '../../support/servers/swift.ts';
import type { BenchBackend } from './backend.ts';

const CONTAINER = 'bench';

/** Beside it: Node's own fetch with a token, for want of a kept client. */
export const swift: BenchBackend = {
  missing: () => (swiftInstalled() ? undefined : 'OpenStack Swift is not installed'),
  async serve() {
    const server = await startSwift();
    await server.makeContainer(CONTAINER);
    const { authUrl, user, key } = server;
    return { at: { authUrl, user, key }, [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose]() };
  },
  declare: ({ authUrl = '', user }) => ({
    type: 'swift',
    container: CONTAINER,
    authUrl,
    authVersion: 1,
    credentials: { user, userId: undefined, key: { kind: 'env', name: 'key' } },
    tenant: undefined,
    project: undefined,
    userDomainName: undefined,
    userDomainId: undefined,
    region: undefined,
    serviceType: undefined,
    endpointType: undefined,
    segmentSize: bytesOf(3 * 2 ** 30),
    tls: { verify: true, ca: undefined },
    proxy: undefined,
  }),
  async plain({ authUrl = '', user = '', key: secret = '' }) {
    const { headers } = await fetch(authUrl, { headers: { 'x-auth-user': user, 'x-auth-key': secret } });
    const token = { 'x-auth-token': headers.get('x-auth-token') ?? '' };
    const urlOf = (key: string): string => `${headers.get('x-storage-url')}/${CONTAINER}/${key}`;
    return {
      async put(key, body) {
        // fetch takes the bytes, not Node's Buffer by its type.
        const answer = await fetch(urlOf(key), { method: 'PUT', headers: token, body: new Uint8Array(body) });
        await answer.arrayBuffer();
        if (!answer.ok) throw new Error(`PUT was answered with ${answer.status}`);
      },
      async get(key) {
        const answer = await fetch(urlOf(key), { headers: token });
        if (!answer.ok || answer.body === null) throw new Error(`GET was answered with ${answer.status}`);
        return answer.body;
      },
    };
  },
};
