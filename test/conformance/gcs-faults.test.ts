import { openGcsDriver } from '../../src/storage/gcs/gcs-driver.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { startGcsServer } from '../../support/servers/gcs/gcs-server.ts';
import { faultConformance } from './faults.ts';
import { declaredGcs, gcsContext } from './gcs-declared.ts';

faultConformance('a Google Cloud Storage bucket', async () => {
  const server = await startGcsServer();
  server.makeBucket('faults');
  const context = gcsContext(server);
  return {
    port: Number(new URL(server.endpoint).port),
    protocol: 'http',
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
});
