import { describe } from 'vitest';
import { bytesOf } from '../../src/domain/bytes.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { openSwiftDriver } from '../../src/storage/swift/swift-driver.ts';
import { startSwift, swiftInstalled } from '../../support/servers/swift.ts';
import { faultConformance } from './faults.ts';
import type { FaultyBackend } from './faulty-backend.ts';
import { declaredSwift, swiftContext } from './swift-declared.ts';
import { conformanceUnderAttack } from './under-attack.ts';

const where = swiftInstalled() ? '' : ': the servers of Swift and memcached are not installed';

describe.skipIf(!swiftInstalled())(`OpenStack Swift${where}`, () => {
  const start = async (): Promise<FaultyBackend> => {
    const swift = await startSwift();
    await swift.makeContainer('faults');
    const context = swiftContext(swift.key);
    return {
      port: Number(new URL(swift.origin).port),
      kill: () => swift.kill(),
      restart: () => swift.restart(),
      open: async (port) => {
        // The storage URL that the server gives has the host and port that it was asked at.
        const authUrl = `http://127.0.0.1:${port}/auth/v1.0`;
        const driver = await openSwiftDriver(
          declaredSwift(authUrl, 'faults', { segmentSize: bytesOf(5 * 1024 ** 2) }),
          context,
        );
        return remoteStore(driver, {
          ...context,
          limits: createTransferLimits(undefined, context.clock),
          uploadRetries: 3,
        });
      },
      remove: async () => swift[Symbol.asyncDispose](),
    };
  };
  faultConformance('a container', 'http', start);
  conformanceUnderAttack('a container', 'http', start);
});
