import { resolve } from 'node:path';
import type { ObjectStore } from '../object-store.ts';
import { deleteObjects } from './delete.ts';
import { DurableDirectories } from './durable-directories.ts';
import { listObjects } from './list.ts';
import { headObject, putObject } from './put.ts';
import { readObject } from './read.ts';
import { createRoot, DIRECTORY_MODE, localRoot } from './root.ts';
import { removeLeftovers } from './temp-files.ts';

/**
 * An ObjectStore in a directory of a file system with hard links and atomic renames. Opening removes what dead processes left
 * unfinished, and fails for no reason: whether the store is there is asked by each operation (`store.absent`).
 */
export async function openLocalStore(directory: string): Promise<ObjectStore> {
  const root = localRoot(resolve(directory));
  const directories = new DurableDirectories(root.directory, DIRECTORY_MODE);
  await removeLeftovers(root);
  return {
    description: `local ${root.directory}`,
    capabilities: {
      consistentListing: true,
      checksumOnWrite: false,
      objectLock: false,
      deleteBatch: 1000,
    },
    conditionalCreateLimit: async () => Number.POSITIVE_INFINITY,
    put: async (key, body, options) => putObject(root, directories, key, body, options),
    get: async (key, options) => readObject(root, key, options),
    head: async (key, options) => {
      options.signal.throwIfAborted();
      return headObject(root, directories, key);
    },
    list: (prefix, options) => listObjects(root, prefix, options),
    deleteMany: async (keys, options) => deleteObjects(root, keys, options),
    // Opening has done it, by a rule that needs no age: the writer's process is gone.
    removeAbandonedUploads: async () => 0,
    close: async () => undefined,
  };
}

/** Makes `directory` a store that can be written to; durable when it resolves, harmless where it is one already. */
export async function createLocalStore(directory: string): Promise<void> {
  await createRoot(localRoot(resolve(directory)));
}
