import type { DesiredS3 } from '../../domain/desired-storage.ts';
import { createHttpAgents } from '../http/agents.ts';
import type { StoreDriver } from '../remote/driver.ts';
import { growingParts } from '../remote/part-sizes.ts';
import type { StorageContext } from '../storage-context.ts';
import { deleteObjects } from './delete.ts';
import { headObject } from './head.ts';
import { listPage } from './list.ts';
import { lockIfAllowed } from './lock.ts';
import { putWhole } from './put.ts';
import { readObject } from './read.ts';
import { openSession } from './session.ts';
import { beginUpload, removeAbandonedUploads } from './upload.ts';

const MIB = 1024 ** 2;
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html; 5 TiB is what every S3 store can hold, AWS more by now.
const LARGEST_OBJECT = 5 * 1024 ** 4;
const MOST_PARTS = 10_000;
const SMALLEST_PART = 5 * MIB;
const LARGEST_PART = 5 * 1024 ** 3;
const DEFAULT_PART = 8 * MIB;
// A segment of WAL in one request: in parts it would be six, with those that begin, complete and look at it.
const DEFAULT_WHOLE = 16 * MIB;
const DELETE_AT_ONCE = 1000;

/** Connects to nothing yet. The SDK is loaded here. */
export async function openS3Driver(storage: DesiredS3, context: StorageContext): Promise<StoreDriver> {
  const agents = await createHttpAgents(storage, context);
  const session = await openSession(storage, context, agents);
  const first = Math.min(Math.max(storage.partSize ?? DEFAULT_PART, SMALLEST_PART), LARGEST_PART);
  const whole = storage.partSize === undefined ? DEFAULT_WHOLE : first;
  return {
    description: session.description,
    capabilities: {
      consistentListing: true,
      checksumOnWrite: true,
      objectLock: storage.objectLock !== undefined,
      deleteBatch: DELETE_AT_ONCE,
    },
    sizes: {
      whole,
      part: growingParts({ smallest: first, largestPart: LARGEST_PART, count: MOST_PARTS }),
      parallelParts: 3,
      largest: LARGEST_OBJECT,
    },
    // Up to here one request with If-None-Match decides; a completion with a condition not every store heeds.
    conditionalCreateLimit: async () => whole,
    putWhole: (key, body, options) => putWhole(session, key, body, options),
    beginUpload: (key, options) => beginUpload(session, key, options),
    read: (key, options) => readObject(session, key, options),
    async head(key, options) {
      const found = await headObject(session, key, options.signal);
      if (found !== undefined) await lockIfAllowed(session, found, options.signal);
      return found && { key, size: found.size, storedAt: found.storedAt };
    },
    listPage: (prefix, options) => listPage(session, prefix, options),
    deleteBatch: (keys, options) => deleteObjects(session, keys, options.signal),
    removeAbandonedUploads: (prefix, before, options) =>
      removeAbandonedUploads(session, prefix, before, options.signal),
    async close() {
      session.close();
    },
  };
}
