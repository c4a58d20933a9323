import type { DesiredGcs } from '../../domain/desired-storage.ts';
import { createHttpAgents } from '../http/agents.ts';
import type { StoreDriver } from '../remote/driver.ts';
import type { StorageContext } from '../storage-context.ts';
import { gcsAccount } from './gcs-account.ts';
import { GcsClient } from './gcs-client.ts';
import { deleteBatch } from './gcs-delete.ts';
import { listPage } from './gcs-list.ts';
import { infoOf } from './gcs-object.ts';
import { lookUp, putWhole } from './gcs-put.ts';
import { readObject } from './gcs-read.ts';
import { loadGcsSdk } from './gcs-sdk.ts';
import { beginUpload } from './gcs-upload.ts';

const MIB = 1024 * 1024;

// Parts of one object go one after the other, so that each costs a round trip; Google advises 8 MiB or more.
const PART = 16 * MIB;

// https://cloud.google.com/storage/quotas#objects; a resumable upload has no limit to the number of its parts.
const LARGEST = 5 * 1024 * 1024 * MIB;

/**
 * Google Cloud Storage over its JSON API. Opening connects to nothing; a bucket is never made. What the bucket itself keeps (retention
 * policy, holds, versions, soft delete) is honoured and shows as `retained` where it forbids a removal.
 */
export async function openGcsDriver(storage: DesiredGcs, context: StorageContext): Promise<StoreDriver> {
  const sdk = await loadGcsSdk();
  const agents = await createHttpAgents(storage, context);
  const client = new GcsClient(storage, gcsAccount(storage, context, agents, sdk), agents);
  return {
    description: client.description,
    capabilities: {
      consistentListing: true,
      checksumOnWrite: true,
      objectLock: false,
      deleteBatch: 100,
    },
    sizes: { whole: PART, part: () => PART, parallelParts: 1, largest: LARGEST },
    conditionalCreateLimit: async () => Number.POSITIVE_INFINITY,
    putWhole: async (key, body, options) => putWhole(client, key, body, options),
    beginUpload: async (key, options) => beginUpload(client, key, options),
    read: async (key, options) => readObject(client, key, options),
    head: async (key, options) => {
      const found = await lookUp(client, key, options);
      return found && infoOf(found);
    },
    listPage: async (prefix, options) => listPage(client, prefix, options),
    deleteBatch: async (keys, options) => deleteBatch(client, keys, options),
    // Sessions that were not completed end by themselves after a week, cost nothing, and cannot be listed.
    removeAbandonedUploads: async () => 0,
    close: async () => agents.close(),
  };
}
