import type { DesiredAzure } from '../../domain/desired-storage.ts';
import { createHttpAgents } from '../http/agents.ts';
import type { StoreDriver } from '../remote/driver.ts';
import { growingParts } from '../remote/part-sizes.ts';
import type { StorageContext } from '../storage-context.ts';
import { AzureContainer } from './container.ts';
import { DELETE_BATCH, deleteBlobs } from './delete.ts';
import { listPage } from './list.ts';
import { putWhole } from './put.ts';
import { headBlob, readBlob } from './read.ts';
import { AzureService } from './service.ts';
import { BlockUpload } from './upload.ts';

const MIB = 1024 * 1024;

/** Azure Blob Storage by its own SDK. Nothing is connected to here: the first request opens the container. */
export async function openAzureDriver(storage: DesiredAzure, context: StorageContext): Promise<StoreDriver> {
  const agents = await createHttpAgents(storage, context);
  const container = new AzureContainer(storage, context, agents);
  const service = new AzureService(container, `azure ${container.url}`);
  return {
    description: service.description,
    capabilities: {
      consistentListing: true,
      checksumOnWrite: true,
      // Immutability is a matter of the container's own policies. hoard sets none and respects them.
      objectLock: false,
      deleteBatch: DELETE_BATCH,
    },
    sizes: {
      // A segment of WAL in one request: in blocks it would be five, of which the last waits for the others.
      whole: 16 * MIB,
      // https://learn.microsoft.com/rest/api/storageservices/put-block: blocks of at most 4,000 MiB, 50,000 of them.
      part: growingParts({ smallest: 4 * MIB, largestPart: 4000 * MIB, count: 50_000 }),
      parallelParts: 3,
      largest: 50_000 * 4000 * MIB,
    },
    conditionalCreateLimit: async () => Number.POSITIVE_INFINITY,
    putWhole: (key, body, options) => putWhole(service, key, body, options),
    beginUpload: async (key, options) => new BlockUpload(service, key, options),
    read: (key, options) => readBlob(service, key, options),
    head: (key, options) => headBlob(service, key, options.signal),
    listPage: (prefix, options) => listPage(service, prefix, options),
    deleteBatch: (keys, options) => deleteBlobs(service, keys, options.signal),
    // There is no request that removes blocks which were never committed, and no time by which to tell a running upload from a dead
    // one. The service itself discards them a week after the last of them came.
    removeAbandonedUploads: async () => 0,
    close: async () => agents.close(),
  };
}
