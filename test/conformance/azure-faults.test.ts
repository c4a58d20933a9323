import { describe } from 'vitest';
import { openAzureDriver } from '../../src/storage/azure/azure-driver.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { hasAzurite, startAzurite } from '../../support/servers/azurite.ts';
import { azureContext, declaredAzure } from './azure-declared.ts';
import { faultConformance } from './faults.ts';
import type { FaultyBackend } from './faulty-backend.ts';
import { conformanceUnderAttack } from './under-attack.ts';

const where = hasAzurite() ? '' : ': support/azurite is not installed';

describe.skipIf(!hasAzurite())(`Azure on azurite${where}`, () => {
  const start = async (): Promise<FaultyBackend> => {
    const server = await startAzurite();
    await server.makeContainer('faults');
    const context = azureContext(server);
    return {
      port: server.port,
      kill: () => server.kill(),
      restart: () => server.restart(),
      open: async (port) => {
        const change = { endpoint: `http://127.0.0.1:${port}/${server.account}` };
        const driver = await openAzureDriver(declaredAzure(server, 'faults', change), context);
        return remoteStore(driver, {
          ...context,
          limits: createTransferLimits(undefined, context.clock),
          uploadRetries: 3,
        });
      },
      remove: async () => server[Symbol.asyncDispose](),
    };
  };
  faultConformance('a container', 'http', start);
  conformanceUnderAttack('a container', 'http', start);
});
