import type { BackupId, ObservedRepository, StoredBackup } from './observed.ts';
import type { RecoveryMap } from './reach.ts';
import { type SegmentNumber, segmentAt } from './segment.ts';
import type { TimelineId } from './timeline.ts';
import { pieceHolding, type TimelinePath } from './timeline-path.ts';
import { indexWal, missingIn } from './wal-index.ts';

/** WAL that the recovery window needs and that is missing: segments first to last, both missing. */
export interface WalGap {
  readonly timeline: TimelineId;
  readonly first: SegmentNumber;
  readonly last: SegmentNumber;
  /** The oldest backup whose way forward is cut here. */
  readonly backup: BackupId;
}

/** WAL that some backup's way forward needs on one timeline. */
interface NeededStretch {
  readonly first: SegmentNumber;
  readonly last: SegmentNumber;
  readonly backup: StoredBackup;
}

/**
 * Missing segments on the way forward of any backup that are followed by stored ones, or by a timeline that forks off and has
 * stored ones. WAL that has simply not been archived yet is no gap. Ascending by timeline and segment, adjacent ones merged.
 */
export function findWalGaps(repository: ObservedRepository, wal: RecoveryMap): readonly WalGap[] {
  const needed = new Map<TimelineId, NeededStretch[]>();
  const backups = repository.backups.filter((backup) => !wal.damaged.has(backup.id));
  for (const path of wal.paths.values()) {
    for (const [timeline, stretch] of neededOnPath(backups, wal, path)) {
      const list = needed.get(timeline) ?? [];
      needed.set(timeline, list);
      list.push(stretch);
    }
  }
  const gaps: WalGap[] = [];
  for (const [timeline, stretches] of [...needed].sort(([a], [b]) => a - b)) {
    const index = wal.indexes.get(timeline) ?? indexWal([]);
    for (const { first, last, backup } of withoutOverlap(stretches)) {
      for (const hole of missingIn(index, { first, last })) {
        const previous = gaps.at(-1);
        if (previous && previous.timeline === timeline && previous.last + 1 === hole.first) {
          gaps[gaps.length - 1] = { ...previous, last: hole.last };
        } else gaps.push({ timeline, first: hole.first, last: hole.last, backup: backup.id });
      }
    }
  }
  return gaps;
}

function neededOnPath(
  backups: readonly StoredBackup[],
  wal: RecoveryMap,
  path: TimelinePath,
): readonly [TimelineId, NeededStretch][] {
  const target = path.at(-1);
  const lastStored = target && wal.indexes.get(target.timeline)?.runs.at(-1)?.last;
  if (lastStored === undefined) return [];
  const needed: [TimelineId, NeededStretch][] = [];
  // What reaches each piece from before, and what starts on it: the earliest start of the backups that lie on it.
  const starts = startsByPiece(backups, wal, path);
  let through: StoredBackup | undefined;
  for (const [at, piece] of path.entries()) {
    const next = path[at + 1];
    const last = next ? ((next.beginSegment - 1) as SegmentNumber) : lastStored;
    const own = starts.get(at);
    if (through) needed.push([piece.timeline, { first: piece.beginSegment, last, backup: through }]);
    else if (own) needed.push([piece.timeline, { first: own.first, last, backup: own.oldest }]);
    through = older(through, own?.oldest);
  }
  return needed.filter(([, stretch]) => stretch.first <= stretch.last);
}

interface Starts {
  readonly first: SegmentNumber;
  readonly oldest: StoredBackup;
}

function startsByPiece(
  backups: readonly StoredBackup[],
  wal: RecoveryMap,
  path: TimelinePath,
): ReadonlyMap<number, Starts> {
  const starts = new Map<number, Starts>();
  for (const backup of backups) {
    const at = pieceHolding(path, backup.timeline, backup.stopLsn);
    if (at < 0) continue;
    const first = segmentAt(backup.carriesWal ? backup.stopLsn : backup.startLsn, wal.size);
    const known = starts.get(at);
    starts.set(at, {
      first: known && known.first < first ? known.first : first,
      oldest: older(known?.oldest, backup) ?? backup,
    });
  }
  return starts;
}

function older(a: StoredBackup | undefined, b: StoredBackup | undefined): StoredBackup | undefined {
  if (!a || !b) return a ?? b;
  return b.startTime < a.startTime ? b : a;
}

/** Cuts needed stretches so that each segment is looked at once, for the oldest backup that comes first. */
function withoutOverlap(stretches: readonly NeededStretch[]): readonly NeededStretch[] {
  const result: NeededStretch[] = [];
  let done = -1;
  for (const stretch of [...stretches].sort((a, b) => a.first - b.first || a.backup.startTime - b.backup.startTime)) {
    if (stretch.last <= done) continue;
    const first = Math.max(stretch.first, done + 1) as SegmentNumber;
    result.push({ first, last: stretch.last, backup: stretch.backup });
    done = stretch.last;
  }
  return result;
}
