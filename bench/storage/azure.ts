import { createHash } from 'node:crypto';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { hasAzurite, startAzurite } from '../../support/servers/azurite.ts';
import type { BenchBackend } from './backend.ts';

const CONTAINER = 'bench';

/**
 * Beside it: @azure/storage-blob, which sends the MD5 that the service compares, too: a put of which nobody knows whether the right bytes arrived is
 * not the same work. Both share the server's one thread.
 */
export const azure: BenchBackend = {
  missing: () => (hasAzurite() ? undefined : 'support/azurite is not installed'),
  async serve() {
    const server = await startAzurite();
    await server.makeContainer(CONTAINER);
    const { endpoint, account, accountKey } = server;
    return { at: { endpoint, account, accountKey }, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  },
  declare: ({ account = '', endpoint }) => ({
    type: 'azure',
    account,
    container: CONTAINER,
    cloud: 'public',
    endpoint,
    credentials: { kind: 'account-key', accountKey: { kind: 'env', name: 'accountKey' } },
    tls: { verify: true, ca: undefined },
    proxy: undefined,
  }),
  async plain({ endpoint = '', account = '', accountKey = '' }) {
    const service = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(account, accountKey));
    const container = service.getContainerClient(CONTAINER);
    return {
      put: (key, body) =>
        container.getBlockBlobClient(key).upload(body, body.length, {
          transactionalContentMD5: createHash('md5').update(body).digest(),
        }),
      async get(key) {
        const { readableStreamBody: stream } = await container.getBlobClient(key).download();
        if (stream === undefined) throw new Error('no body');
        return binary(stream);
      },
    };
  },
};

async function* binary(stream: NodeJS.ReadableStream): AsyncGenerator<Uint8Array> {
  for await (const piece of stream) if (typeof piece !== 'string') yield piece;
}
