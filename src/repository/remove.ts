import { Failure, isFailure } from '../domain/failure.ts';
import { formatInstant } from '../domain/instant.ts';
import { type BackupId, type PackReference, packName } from '../domain/observed.ts';
import { nextSegment, parseSegmentName, type SegmentNumber, segmentAt, segmentBefore } from '../domain/segment.ts';
import type { TimelineId } from '../domain/timeline.ts';
import { mapBounded } from '../storage/bounded.ts';
import { type BackupMarker, readMarker } from './backup-marker.ts';
import { readIdentity } from './identity.ts';
import {
  backupPrefix,
  backupsPrefix,
  holdsPrefix,
  markerKey,
  packKey,
  packSumsKey,
  parseSiteKey,
  proofsPrefix,
  timelinePrefix,
} from './layout.ts';
import { readHold } from './records.ts';
import { describeRepository, type SiteRepository } from './site-repository.ts';
import { listAll } from './small-object.ts';

/**
 * Removal. Index before data, so that an interruption leaves orphans and never a hole. Each function looks again at what would make
 * the removal wrong: a plan may be old. Callers hold the lease and pass its signal. Absent objects count as removed: idempotent.
 */
export interface Removal {
  readonly removed: number;
  /** Locked by the store (object lock, legal hold): not an error, they go another time. */
  readonly retained: readonly string[];
}

const READS = 8;

/**
 * Removes a backup: backup.json, then its manifest, holds that have ended, and proofs. Its packs stay until no backup names them (removePacks).
 * Throws `plan.refused` where a hold is in force. Where the store retains backup.json the backup stays whole.
 */
export async function removeBackup(repo: SiteRepository, id: BackupId, signal: AbortSignal): Promise<Removal> {
  for (const { key } of await listAll(repo.store, holdsPrefix(repo.site, id), signal)) {
    const parsed = parseSiteKey(repo.site, key);
    if (parsed?.kind !== 'hold') continue;
    const { reason, until } = await readHold(repo, id, parsed.name, signal);
    if (until !== undefined && until <= repo.clock.now()) continue;
    throw new Failure('plan.refused', {
      message: `backup ${id} is held${until === undefined ? '' : ` until ${formatInstant(until)}`}: ${reason}`,
      hint: 'release the hold first',
    });
  }
  const marker = await removeKeys(repo, [markerKey(repo.site, id)], signal);
  if (marker.retained.length > 0) return marker;
  const rest: string[] = [];
  for (const prefix of [backupPrefix(repo.site, id), holdsPrefix(repo.site, id), proofsPrefix(repo.site, id)]) {
    for (const { key } of await listAll(repo.store, prefix, signal)) rest.push(key);
  }
  const data = await removeKeys(repo, rest, signal);
  return { removed: marker.removed + data.removed, retained: data.retained };
}

/**
 * Removes packs that no backup needs. Reads every marker first; throws `plan.refused`, and removes nothing, where one names a pack or
 * cannot be read. With the packs of a backup of which no marker tells any more go their SHA256SUMS, so that nothing of it is left.
 */
export async function removePacks(
  repo: SiteRepository,
  packs: readonly PackReference[],
  signal: AbortSignal,
): Promise<Removal> {
  const doomed = new Set(packs.map(packName));
  const owners = new Set(packs.map(({ backup }) => backup));
  const needed = new Set<BackupId>();
  for (const marker of await readMarkers(repo, signal, [...owners])) {
    needed.add(marker.id);
    for (const pack of marker.packs) {
      needed.add(pack.backup);
      if (!doomed.has(packName(pack))) continue;
      throw new Failure('plan.refused', {
        message: `pack ${pack.backup}/${pack.number} is not to be removed: backup ${marker.id} needs it`,
        hint: 'plan again',
      });
    }
  }
  const removal = await removeKeys(
    repo,
    packs.map((pack) => packKey(repo.site, pack)),
    signal,
  );
  if (removal.retained.length > 0) return removal;
  const sums = [...owners].filter((owner) => !needed.has(owner)).map((owner) => packSumsKey(repo.site, owner));
  const rest = await removeKeys(repo, sums, signal);
  return { removed: removal.removed, retained: rest.retained };
}

/**
 * Removes the segments `first` to `last` of a timeline, both included, with their `.partial` and `.backup` files, oldest first. Throws
 * `plan.refused` where a stored backup needs one of them to become consistent, or a marker cannot be read.
 */
export async function removeWal(
  repo: SiteRepository,
  timeline: TimelineId,
  first: SegmentNumber,
  last: SegmentNumber,
  signal: AbortSignal,
): Promise<Removal> {
  const identity = await readIdentity(repo, signal);
  if (!identity) return { removed: 0, retained: [] };
  const size = identity.segmentSize;
  for (const marker of await readMarkers(repo, signal)) {
    if (marker.timeline !== timeline || marker.carriesWal) continue;
    if (segmentAt(marker.startLsn, size) > last || segmentBefore(marker.stopLsn, size) < first) continue;
    throw new Failure('plan.refused', {
      message: `WAL of timeline ${timeline} is not to be removed: backup ${marker.id} needs ${marker.wal.firstSegment} to ${marker.wal.lastSegment}`,
      hint: 'plan again',
    });
  }
  const doomed: { readonly key: string; readonly number: number }[] = [];
  for await (const page of repo.store.list(timelinePrefix(repo.site, timeline), { signal })) {
    for (const { key } of page) {
      const parsed = parseSiteKey(repo.site, key);
      if (parsed?.kind !== 'wal' || parsed.file.kind === 'history') continue;
      const number = segmentNumberOf(parsed.file.name, size);
      if (number !== undefined && number >= first && number < nextSegment(last)) doomed.push({ key, number });
    }
  }
  doomed.sort((a, b) => a.number - b.number);
  return removeKeys(
    repo,
    doomed.map(({ key }) => key),
    signal,
  );
}

function segmentNumberOf(name: string, size: Parameters<typeof parseSegmentName>[1]): SegmentNumber | undefined {
  try {
    return parseSegmentName(name.slice(0, 24), size).number;
  } catch (error) {
    if (isFailure(error, 'value.invalid')) return undefined;
    throw error;
  }
}

/** Removes objects by key. What could not be removed and is not retained throws, after everything was tried. */
export async function removeKeys(repo: SiteRepository, keys: readonly string[], signal: AbortSignal): Promise<Removal> {
  let removed = 0;
  const retained: string[] = [];
  const failed: { readonly key: string; readonly error: Error }[] = [];
  for (const result of await repo.store.deleteMany(keys, { signal })) {
    if (result.kind === 'removed') removed += 1;
    else if (result.kind === 'retained') retained.push(result.key);
    else failed.push(result);
  }
  const [first] = failed;
  if (!first) return { removed, retained };
  throw new Failure('store.unavailable', {
    message: `${failed.length} of ${keys.length} objects could not be removed from ${describeRepository(repo)}, the first is ${first.key}: ${first.error.message}`,
    cause: first.error,
  });
}

/**
 * The markers of all backups that the listing shows. Where listings may be late, those of `suspected` are looked for by name, too: reading
 * an object by its name is never late.
 */
async function readMarkers(
  repo: SiteRepository,
  signal: AbortSignal,
  suspected: readonly BackupId[] = [],
): Promise<readonly BackupMarker[]> {
  const late = !repo.store.capabilities.consistentListing;
  const ids = new Set<BackupId>(late ? suspected : []);
  for await (const page of repo.store.list(backupsPrefix(repo.site), { signal })) {
    for (const { key } of page) {
      const parsed = parseSiteKey(repo.site, key);
      if (parsed?.kind === 'marker') ids.add(parsed.backup);
    }
  }
  const markers = await mapBounded([...ids], READS, signal, async (id) => {
    try {
      return await readMarker(repo, id, signal);
    } catch (error) {
      // A late listing still shows what was removed.
      if (late && isFailure(error, 'store.not-found')) return undefined;
      if (!isFailure(error, 'object.corrupt', 'repository.foreign')) throw error;
      throw new Failure('plan.refused', {
        message: `nothing is removed while backup ${id} cannot be read: ${error.message}`,
        hint: 'repair or delete that backup first',
        cause: error,
      });
    }
  });
  return markers.filter((marker) => marker !== undefined);
}
