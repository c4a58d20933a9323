import type { DesiredSwift } from '../../domain/desired-storage.ts';
import { Failure } from '../../domain/failure.ts';
import type { DriverUpload, StoreDriver } from '../remote/driver.ts';
import { growingParts } from '../remote/part-sizes.ts';
import type { StorageContext } from '../storage-context.ts';
import { removeAbandonedUploads } from './abandoned.ts';
import { deleteBatch } from './delete.ts';
import { swiftInfo } from './info.ts';
import { listPage } from './list.ts';
import { headObject } from './objects.ts';
import { putWhole } from './put.ts';
import { readObject } from './read.ts';
import { openSession } from './session.ts';
import { SwiftUpload } from './upload.ts';

const MIB = 1024 ** 2;
/** Below it, one request is quicker than segments and a manifest; above, memory for the parts that are on their way counts. */
const USUAL_PART = 8 * MIB;
/** A segment of WAL goes in one request: in segments it would be three, with the manifest. */
const USUAL_WHOLE = 16 * MIB;
const LARGEST_PART = 32 * MIB;
/** Swift slows reading of large objects down whose segments are smaller (rate_limit_under_size). */
const SMALLEST_PART = MIB;
/** Two levels of manifests with 1,000 entries each, which is what Swift allows where nobody has changed it. */
const PARTS = 1000 * 1000;

export async function openSwiftDriver(storage: DesiredSwift, context: StorageContext): Promise<StoreDriver> {
  const session = await openSession(storage, context);
  const info = swiftInfo(session);
  // Parts are held in memory while they are sent, so `segmentSize` can only make them smaller.
  const largestPart = Math.max(SMALLEST_PART, Math.min(LARGEST_PART, storage.segmentSize));
  const smallest = Math.min(USUAL_PART, largestPart);
  const whole = Math.min(USUAL_WHOLE, largestPart);
  return {
    description: session.place.store,
    capabilities: {
      consistentListing: false,
      checksumOnWrite: true,
      objectLock: false,
      deleteBatch: 1000,
    },
    sizes: {
      whole,
      part: growingParts({ smallest, largestPart, count: PARTS }),
      parallelParts: 3,
      largest: PARTS * largestPart,
    },
    // `If-None-Match: *` is checked, but seven of eight at once succeed.
    conditionalCreateLimit: async () => 0,
    putWhole: (key, body, options) => putWhole(session, key, body, options),
    beginUpload: async (key, { ifAbsent, token, unlocked, signal }): Promise<DriverUpload> => {
      const known = await info(signal);
      if (known.maxManifestSegments === undefined) throw noLargeObjects(session.place.store, whole);
      const group = Buffer.from(context.random(16)).toString('hex');
      const put = { ifAbsent, token, unlocked };
      return new SwiftUpload(session, known, { key, group, put, limit: known.maxManifestSegments });
    },
    read: (key, options) => readObject(session, key, options),
    head: async (key, { signal }) => {
      const found = await headObject(session, key, signal);
      return found && { key, size: found.size, storedAt: found.storedAt };
    },
    listPage: (prefix, options) => listPage(session, prefix, options),
    deleteBatch: async (keys, { signal }) => deleteBatch(session, keys, { info: await info(signal), signal }),
    removeAbandonedUploads: async (prefix, before, { signal }) =>
      removeAbandonedUploads(session, prefix, before, { info: await info(signal), signal }),
    close: () => session.close(),
  };
}

function noLargeObjects(store: string, whole: number): Failure {
  return new Failure('store.rejected', {
    message: `${store} has no static large objects, so nothing above ${whole / MIB} MiB can be stored`,
    hint: 'let the operator of the store switch the slo middleware on',
  });
}
