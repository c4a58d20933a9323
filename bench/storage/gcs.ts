import { Storage } from '@google-cloud/storage';
import { startGcsServer } from '../../support/servers/gcs/gcs-server.ts';
import type { BenchBackend } from './backend.ts';

const BUCKET = 'bench';

/** Beside it: @google-cloud/storage. The server is our own, in the process of the benchmark. */
export const gcs: BenchBackend = {
  missing: () => undefined,
  async serve() {
    const server = await startGcsServer();
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
  async plain({ endpoint = '', keyFile = '' }) {
    const bucket = new Storage({ apiEndpoint: endpoint, credentials: JSON.parse(keyFile) }).bucket(BUCKET);
    return {
      put: (key, body) => bucket.file(key).save(body, { resumable: false }),
      get: async (key) => bucket.file(key).createReadStream(),
    };
  },
};
