import { Failure, isFailure } from '../domain/failure.ts';
import type { BackupId, ObservedRepository, StoredBackup, StoredHold, StoredProof } from '../domain/observed.ts';
import { parseTimelineHistory, type TimelineHistory, type TimelineId } from '../domain/timeline.ts';
import { mapBounded } from '../storage/bounded.ts';
import { type BackupMarker, readMarker } from './backup-marker.ts';
import { checkRepository, readIdentity } from './identity.ts';
import { sitePrefix } from './layout.ts';
import { observeWalRecipients } from './observe-wal-recipients.ts';
import { missingPacks } from './pack-list.ts';
import { readHold, readProof } from './records.ts';
import { SiteListing } from './site-listing.ts';
import { describeRepository, type SiteRepository } from './site-repository.ts';
import { readWal, type StoredWalObject } from './wal-objects.ts';

/** Small reads in flight. */
const READS = 8;

/** History files have a line of some 50 bytes for each earlier timeline. */
export const MAX_HISTORY_BYTES = 1024 * 1024;

/**
 * What the repository holds for the site: one complete listing below `sites/<site>/`, and the bodies of the small objects. Throws
 * rather than return less than all of it; a caller makes `unknown` of that. Markers that are there but cannot be read, and backups
 * whose parts were damaged, go to `unreadableBackups`. Keys that are not of format v1 are somebody else's: not reported, never removed.
 */
export async function observeRepository(repo: SiteRepository, signal: AbortSignal): Promise<ObservedRepository> {
  await checkRepository(repo, signal);
  // Before the listing: the identity is written first, so what the listing shows has one.
  const identity = await readIdentity(repo, signal);
  const listing = new SiteListing(repo.site);
  for await (const page of repo.store.list(sitePrefix(repo.site), { signal }))
    for (const object of page) listing.add(object);
  if (!identity && listing.hasData()) {
    // Claimed between the two reads, or site.json is lost.
    const again = await readIdentity(repo, signal);
    if (again) return observeRepository(repo, signal);
    throw new Failure('repository.foreign', {
      message: `site "${repo.site}" in ${describeRepository(repo)} has data but no site.json that says which cluster it is of`,
      hint: 'copy site.json from another repository of the site',
    });
  }
  const { backups, unreadableBackups } = await readBackups(repo, listing, signal);
  const { holds, proofs } = await readRecords(repo, listing, signal);
  return {
    identity,
    backups,
    unreadableBackups,
    wal: identity ? listing.segments(identity.segmentSize) : new Map(),
    histories: await readHistories(repo, listing.histories(), signal),
    otherWalFiles: listing.otherWalFiles(),
    walRecipients: await observeWalRecipients(repo, listing.encryptedWal(), signal),
    packs: listing.packs(),
    ...(repo.lockedFor === undefined ? {} : { lockedFor: repo.lockedFor }),
    ...(repo.store.capabilities.consistentListing ? {} : { lateListing: true }),
    strays: listing.strays(),
    holds,
    proofs,
  };
}

async function readBackups(
  repo: SiteRepository,
  listing: SiteListing,
  signal: AbortSignal,
): Promise<Pick<ObservedRepository, 'backups' | 'unreadableBackups'>> {
  const backups: StoredBackup[] = [];
  const unreadableBackups: { readonly id: BackupId; readonly reason: string }[] = [];
  const results = await mapBounded(listing.markers(), READS, signal, async (id) => ({
    id,
    read: await tryReadMarker(repo, id, signal),
  }));
  for (const { id, read } of results) {
    if (read === undefined) continue;
    const reason = typeof read === 'string' ? read : damageOf(read, listing);
    if (reason !== undefined) unreadableBackups.push({ id, reason });
    else if (typeof read !== 'string') backups.push(read);
  }
  backups.sort((a, b) => a.startTime - b.startTime || (a.id < b.id ? -1 : 1));
  return { backups, unreadableBackups };
}

/** The marker, why it cannot be read, or undefined where it was removed since the listing. A failure of the store throws. */
async function tryReadMarker(
  repo: SiteRepository,
  id: BackupId,
  signal: AbortSignal,
): Promise<BackupMarker | string | undefined> {
  try {
    return await readMarker(repo, id, signal);
  } catch (error) {
    if (isFailure(error, 'store.not-found')) return undefined;
    if (isFailure(error, 'object.corrupt', 'repository.foreign')) return error.message;
    throw error;
  }
}

/** Missing packs are not told here: the recovery window sees them, because markers name packs and the listing shows them. */
function damageOf(marker: BackupMarker, listing: SiteListing): string | undefined {
  const size = listing.sizeOf(marker.manifest.key);
  if (size === undefined) return 'its manifest is missing';
  if (size !== marker.manifest.size) return `its manifest has ${size} bytes, but ${marker.manifest.size} were stored`;
  return missingPacks(marker.packGroups, (pack) => listing.packSize(pack)).damaged;
}

/**
 * What cannot be read protects: a damaged hold holds without end, and so does a damaged proof, because the newest proven backup must
 * not be removed.
 */
async function readRecords(
  repo: SiteRepository,
  listing: SiteListing,
  signal: AbortSignal,
): Promise<{ holds: readonly StoredHold[]; proofs: readonly StoredProof[] }> {
  const damaged: StoredHold[] = [];
  const orDamaged = async <T>(backup: BackupId, what: string, read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      if (isFailure(error, 'store.not-found')) return undefined;
      if (!isFailure(error, 'object.corrupt', 'repository.foreign')) throw error;
      damaged.push({ backup, reason: `${what} cannot be read: ${error.message}`, until: undefined });
      return undefined;
    }
  };
  const holds = await mapBounded(listing.holds(), READS, signal, ({ backup, name }) =>
    orDamaged(backup, 'a hold', () => readHold(repo, backup, name, signal)),
  );
  const proofs = await mapBounded(listing.proofs(), READS, signal, ({ backup, at }) =>
    orDamaged(backup, 'a proof', () => readProof(repo, backup, at, signal)),
  );
  return {
    holds: [...holds.filter((hold) => hold !== undefined), ...damaged],
    proofs: proofs.filter((proof) => proof !== undefined).sort((a, b) => a.at - b.at),
  };
}

/**
 * A history that cannot be read, or that there are two of, makes the whole observation fail: without it the WAL of its timeline
 * looks unrelated to everything, and could be taken for unneeded.
 */
async function readHistories(
  repo: SiteRepository,
  stored: readonly StoredWalObject[],
  signal: AbortSignal,
): Promise<ReadonlyMap<TimelineId, TimelineHistory>> {
  const distinct = new Map<TimelineId, StoredWalObject>();
  for (const object of stored) {
    const known = distinct.get(object.file.timeline);
    if (known && known.sha256 !== object.sha256) {
      throw new Failure('wal.conflict', {
        message: `${describeRepository(repo)} holds two different files ${object.file.name}`,
        hint: 'two servers were promoted to the same timeline; move the wrong one out of the repository',
      });
    }
    distinct.set(object.file.timeline, object);
  }
  const histories = await mapBounded([...distinct.values()], READS, signal, (object) =>
    readHistory(repo, object, signal),
  );
  return new Map(histories.map((history) => [history.timeline, history]));
}

/** A stored history file, verified and parsed. Throws `object.corrupt` or `postgres.format`. */
async function readHistory(
  repo: SiteRepository,
  object: StoredWalObject,
  signal: AbortSignal,
): Promise<TimelineHistory> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readWal(repo, object, MAX_HISTORY_BYTES, signal, 'any')) pieces.push(piece);
  return parseTimelineHistory(object.file.timeline, Buffer.concat(pieces).toString('utf8'));
}
