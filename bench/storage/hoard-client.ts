import type { DesiredStorage } from '../../src/domain/desired-storage.ts';
import { unreachable } from '../../src/domain/failure.ts';
import { createSecretResolver } from '../../src/policy/secret-resolver.ts';
import { openLocalStore } from '../../src/storage/local/local-store.ts';
import type { ObjectBody, ObjectStore } from '../../src/storage/object-store.ts';
import type { StoreDriver } from '../../src/storage/remote/driver.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import type { StorageContext } from '../../src/storage/storage-context.ts';
import { createSystemEffects } from '../../src/telemetry/system-effects.ts';
import type { BenchClient } from './backend.ts';

const { signal } = new AbortController();
/** As the engines hand bodies over: in pieces. */
const PIECE = 1024 * 1024;

/** hoard's own way to the store; secrets are looked for in `environment`. */
export async function hoardClient(
  storage: DesiredStorage,
  environment: Readonly<Record<string, string>>,
): Promise<BenchClient> {
  const store = await openBenchStore(storage, environment);
  return {
    put: (key, body) => store.put(key, inPieces(body), { signal, size: body.length }),
    get: (key) => store.get(key, { signal }),
    close: () => store.close(),
  };
}

export async function openBenchStore(
  storage: DesiredStorage,
  environment: Readonly<Record<string, string>>,
): Promise<ObjectStore> {
  if (storage.type === 'local') return openLocalStore(storage.directory);
  const effects = createSystemEffects({ environment, reporter: { report: () => undefined }, signal });
  const context = { ...effects, secrets: createSecretResolver(environment) };
  const limits = createTransferLimits(undefined, effects.clock);
  return remoteStore(await openDriver(storage, context), { ...effects, limits, uploadRetries: 3 });
}

async function openDriver(
  storage: Exclude<DesiredStorage, { type: 'local' }>,
  context: StorageContext,
): Promise<StoreDriver> {
  switch (storage.type) {
    case 's3':
      return (await import('../../src/storage/s3/s3-driver.ts')).openS3Driver(storage, context);
    case 'azure':
      return (await import('../../src/storage/azure/azure-driver.ts')).openAzureDriver(storage, context);
    case 'gcs':
      return (await import('../../src/storage/gcs/gcs-driver.ts')).openGcsDriver(storage, context);
    case 'swift':
      return (await import('../../src/storage/swift/swift-driver.ts')).openSwiftDriver(storage, context);
    case 'sftp':
      return (await import('../../src/storage/sftp/sftp-driver.ts')).openSftpDriver(storage, context);
    default:
      return unreachable(storage);
  }
}

async function* inPieces(body: Buffer): ObjectBody {
  for (let at = 0; at < body.length; at += PIECE) yield body.subarray(at, at + PIECE);
}
