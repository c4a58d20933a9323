import { isFailure } from '../../domain/failure.ts';
import { mapBounded } from '../bounded.ts';
import type { DeleteResult } from '../object-store.ts';
import type { DriverOptions } from '../remote/driver.ts';
import type { SwiftInfo } from './info.ts';
import { listContainer } from './list.ts';
import { headObject, requireContainer } from './objects.ts';
import { removeNames } from './remove.ts';
import { groupInUse, type Segment, segmentOf, segmentsContainer } from './segments.ts';
import type { SwiftSession } from './session.ts';

const AT_ONCE = 8;

/**
 * Removes objects, and then the segments of the large ones among them. In this order, and so not by Swift's own
 * `multipart-manifest=delete`, which goes the other way round: broken off, it leaves an object that is visible and cannot be read.
 * Segments that stay behind when this is broken off are found by removeAbandonedUploads.
 */
export async function deleteBatch(
  session: SwiftSession,
  keys: readonly string[],
  around: { readonly info: SwiftInfo } & DriverOptions,
): Promise<readonly DeleteResult[]> {
  const { signal } = around;
  const { container } = session.place;
  if (keys.length === 0) return [];
  // Absent names count as removed, which is no answer where the whole container is absent.
  await requireContainer(session, signal);
  const segments = await segmentsInUse(session, keys, signal);
  const results = await removeNames(session, container, keys, around);
  const removed = new Set(results.filter((result) => result.kind === 'removed').map((result) => result.key));
  const names = segments.filter((segment) => removed.has(segment.of)).map((segment) => segment.key);
  try {
    if (names.length > 0) await removeNames(session, segmentsContainer(container), names, around);
  } catch (error) {
    signal.throwIfAborted();
    // The objects are gone; what is left of them is found later.
    if (!isFailure(error)) throw error;
  }
  return results;
}

/** Which segments the objects are made of. One listing for each folder tells which of them have any, so that small objects cost nothing. */
async function segmentsInUse(
  session: SwiftSession,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<readonly Segment[]> {
  const wanted = new Set(keys);
  const folders = Map.groupBy(keys, (key) => key.slice(0, key.lastIndexOf('/') + 1));
  const listed = await mapBounded([...folders.values()], AT_ONCE, signal, (group) =>
    segmentsAmong(session, group, signal),
  );
  const byKey = Map.groupBy(
    listed.flat().filter((segment) => wanted.has(segment.of)),
    (segment) => segment.of,
  );
  const used = await mapBounded([...byKey], AT_ONCE, signal, async ([key, segments]) => {
    const found = await headObject(session, key, signal);
    // Only those of the object as it is: others may belong to an upload that is going on.
    const group = found === undefined ? undefined : await groupInUse(session, found, signal);
    return segments.filter((segment) => segment.group === group);
  });
  return used.flat();
}

async function segmentsAmong(
  session: SwiftSession,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<readonly Segment[]> {
  const sorted = keys.toSorted();
  const container = segmentsContainer(session.place.container);
  // Names begin with a key and a slash, which is the last character before 0.
  const before =
    keys
      .map((key) => `${key}0`)
      .toSorted()
      .at(-1) ?? '';
  const found: Segment[] = [];
  for (let after = sorted[0]; after !== undefined; ) {
    const page = await listContainer(session, { container, after, before }, signal);
    found.push(...(page ?? []).map(segmentOf).filter((segment) => segment !== undefined));
    after = page?.at(-1)?.key;
  }
  return found;
}
