import { Storage } from '@google-cloud/storage';
import { startGcsServer } from '../../support/servers/gcs/gcs-server.ts';
import type { BenchBackend } from './backend.ts';

const BUCKET = 'bench';

/** Beside it: @google-cloud/storage, without tokens, which it gets from Google alone. Both share the server's one thread. */
export const gcs: BenchBackend = {
  missing: () => undefined,
  async serve() {
    const server = await startGcsServer({ auth: false });
    server.makeBucket(BUCKET);
    const { endpoint, keyFile } = server;
    return { at: { endpoint, keyFile }, [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose]() };
  },
  declare: ({ endpoint }) => ({
    type: 'gcs',
    bucket: BUCKET,
    project: undefined,
    endpoint,
    keyFile: { kind: 'env', name: 'keyFile' },
    tls: { verify: true, ca: undefined },
    proxy: undefined,
  }),
  async plain({ endpoint = '' }) {
    const bucket = new Storage({ apiEndpoint: endpoint, projectId: 'bench' }).bucket(BUCKET);
    return {
      put: async (key, body) => bucket.file(key).save(body, { resumable: false }),
      get: async (key) => bucket.file(key).createReadStream(),
    };
  },
};
