import type { DesiredSftp } from '../../domain/desired-storage.ts';
import type { StoreDriver } from '../remote/driver.ts';
import type { StorageContext } from '../storage-context.ts';
import { removeAbandoned } from './abandoned.ts';
import { SftpConnection } from './connection.ts';
import { DELETE_BATCH, deleteObjects } from './delete.ts';
import { hasHardLinks } from './hard-links.ts';
import { headObject } from './head.ts';
import { SftpListing } from './list.ts';
import type { SftpPlace } from './place.ts';
import { putWhole } from './put.ts';
import { readObject } from './read.ts';
import { createRoot, sftpRoot } from './root.ts';
import { beginUpload } from './upload.ts';

const MIB = 1024 * 1024;

/**
 * A directory on an SSH server, laid out as a local store: either can read what the other has written. Nothing is connected to here.
 *
 * With the extensions of OpenSSH (fsync, hardlink, posix-rename) it promises what a local store does. Without them: writes are as durable
 * as the server makes them; `ifAbsent` is a look and then the protocol's rename, which not every server refuses where the name is taken, so
 * that it is not called atomic; a replaced object may be absent for a moment.
 */
export async function openSftpDriver(storage: DesiredSftp, context: StorageContext): Promise<StoreDriver> {
  const place = await openPlace(storage, context);
  const listing = new SftpListing(place);
  return {
    description: place.root.description,
    capabilities: {
      consistentListing: true,
      // SSH authenticates every packet, but nothing checks what reaches the disk.
      checksumOnWrite: false,
      objectLock: false,
      deleteBatch: DELETE_BATCH,
    },
    // A segment of WAL is written, and synced, once; parts are each opened, written and synced for themselves.
    sizes: { whole: 16 * MIB, part: () => 8 * MIB, parallelParts: 3, largest: Number.MAX_SAFE_INTEGER },
    conditionalCreateLimit: async ({ signal }) => ((await place.hardLinks(signal)) ? Number.POSITIVE_INFINITY : 0),
    putWhole: async (key, body, options) => putWhole(place, key, body, options),
    beginUpload: async (key, options) => beginUpload(place, key, options),
    read: async (key, options) => readObject(place, key, options),
    head: async (key, options) => headObject(place, key, options),
    listPage: async (prefix, options) => listing.page(prefix, options),
    deleteBatch: async (keys, options) => deleteObjects(place, keys, options),
    removeAbandonedUploads: async (_prefix, before, options) => removeAbandoned(place, before, options),
    close: async () => place.connection.close(),
  };
}

/** Makes the declared directory a store: the explicit step without which nothing is read from or written to a bare directory. */
export async function createSftpDirectory(storage: DesiredSftp, context: StorageContext): Promise<void> {
  const place = await openPlace(storage, context);
  try {
    const { signal } = new AbortController();
    await createRoot(await place.connection.session(signal), place.root, signal);
  } finally {
    await place.connection.close();
  }
}

async function openPlace(storage: DesiredSftp, context: StorageContext): Promise<SftpPlace> {
  const { default: Client } = await import('ssh2-sftp-client');
  const ignore = (): undefined => undefined;
  const newClient = () => new Client('hoard', { error: ignore, end: ignore, close: ignore });
  const description = `sftp ${storage.directory} at ${storage.host}:${storage.port}`;
  const where = {
    connection: new SftpConnection(storage, context, newClient),
    root: sftpRoot(storage.directory, description),
  };
  let known: boolean | undefined;
  return {
    ...where,
    async hardLinks(signal) {
      known ??= await hasHardLinks(where, context.random, signal);
      return known;
    },
  };
}
