import { openGcsDriver } from '../../src/storage/gcs/gcs-driver.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { startGcsServer } from '../../support/servers/gcs/gcs-server.ts';
import { faultConformance } from './faults.ts';
import type { FaultyBackend } from './faulty-backend.ts';
import { declaredGcs, gcsContext } from './gcs-declared.ts';
import { conformanceUnderAttack } from './under-attack.ts';

const start = async (): Promise<FaultyBackend> => {
  const server = await startGcsServer();
  server.makeBucket('faults');
  const context = gcsContext(server);
  return {
    port: Number(new URL(server.endpoint).port),
    kill: () => server.kill(),
    restart: () => server.restart(),
    open: async (port) => {
      const driver = await openGcsDriver(declaredGcs({ endpoint: `http://127.0.0.1:${port}` }, 'faults'), context);
      return remoteStore(driver, {
        ...context,
        limits: createTransferLimits(undefined, context.clock),
        uploadRetries: 3,
      });
    },
    remove: async () => server[Symbol.asyncDispose](),
  };
};
faultConformance('a Google Cloud Storage bucket', 'http', start);
conformanceUnderAttack('a Google Cloud Storage bucket', 'http', start, {
  // The server keeps everything in this process.
  held: Number.POSITIVE_INFINITY,
});
