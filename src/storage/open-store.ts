import type { DesiredRepository } from '../domain/desired.ts';
import { unreachable } from '../domain/failure.ts';
import { DEFAULTS } from '../policy/convert/defaults.ts';
import { orAbort } from './abortable.ts';
import { limitedStore } from './limited-store.ts';
import { notifyingStore } from './notifying-store.ts';
import type { ObjectStore } from './object-store.ts';
import { prefixedStore } from './prefixed-store.ts';
import type { StoreDriver } from './remote/driver.ts';
import { remoteStore } from './remote/remote-store.ts';
import { createTransferLimits, type TransferLimits } from './remote/transfer-limits.ts';
import type { StorageContext } from './storage-context.ts';

/**
 * The store of a repository, seen below the repository's prefix. Opening creates nothing and needs no store to be there: every
 * operation on a missing one throws `store.absent`.
 */
export async function openStore(repository: DesiredRepository, context: StorageContext): Promise<ObjectStore> {
  const whole = await openWhole(repository, context);
  const store = repository.notify === undefined ? whole : notifyingStore(whole, repository.notify, context);
  return prefixedStore(store, repository.prefix);
}

/**
 * Makes the place of a repository a store, where it is none: for the moment when somebody has said that it is meant to be a new one.
 * Nothing else creates a store, so that a disk that is not mounted is never written to or read as empty. Idempotent.
 * Buckets and containers are their owner's: where one is absent this throws `store.absent`.
 */
export async function createStore(
  repository: DesiredRepository,
  context: StorageContext,
  signal: AbortSignal,
): Promise<void> {
  if (repository.storage.type === 'local') {
    const { createLocalStore } = await import('./local/local-store.ts');
    await createLocalStore(repository.storage.directory);
    return;
  }
  if (repository.storage.type === 'sftp') {
    const { createSftpDirectory } = await import('./sftp/sftp-driver.ts');
    await orAbort(createSftpDirectory(repository.storage, context), signal);
    return;
  }
  const store = await openStore(repository, context);
  try {
    // One page is enough to know that it is there.
    for await (const _ of store.list('', { signal })) break;
  } finally {
    await store.close();
  }
}

/** Everything in the process that uses a repository shares its limits; a policy that is read again brings new ones. */
const sharedLimits = new WeakMap<DesiredRepository, TransferLimits>();

function limitsOf(repository: DesiredRepository, context: StorageContext): TransferLimits {
  const known = sharedLimits.get(repository);
  if (known !== undefined) return known;
  const limits = createTransferLimits(repository.limits, context.clock);
  sharedLimits.set(repository, limits);
  return limits;
}

async function openWhole(repository: DesiredRepository, context: StorageContext): Promise<ObjectStore> {
  const limits = limitsOf(repository, context);
  const { storage } = repository;
  if (storage.type === 'local') {
    const { openLocalStore } = await import('./local/local-store.ts');
    const store = await openLocalStore(storage.directory);
    return repository.limits === undefined ? store : limitedStore(store, limits);
  }
  const driver = await openDriver(storage, context);
  const { clock, random, reporter } = context;
  const uploadRetries = repository.uploadRetries ?? DEFAULTS.daemon.uploadRetries;
  return remoteStore(driver, { clock, random, reporter, limits, uploadRetries });
}

/** Each backend's SDK is loaded only here, when a repository uses it. */
async function openDriver(
  storage: Exclude<DesiredRepository['storage'], { type: 'local' }>,
  context: StorageContext,
): Promise<StoreDriver> {
  switch (storage.type) {
    case 's3':
      return (await import('./s3/s3-driver.ts')).openS3Driver(storage, context);
    case 'gcs':
      return (await import('./gcs/gcs-driver.ts')).openGcsDriver(storage, context);
    case 'azure':
      return (await import('./azure/azure-driver.ts')).openAzureDriver(storage, context);
    case 'swift':
      return (await import('./swift/swift-driver.ts')).openSwiftDriver(storage, context);
    case 'sftp':
      return (await import('./sftp/sftp-driver.ts')).openSftpDriver(storage, context);
    default:
      return unreachable(storage);
  }
}
