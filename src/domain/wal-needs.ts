import type { ObservedRepository, StoredBackup, StoredSegment } from './observed.ts';
import type { RecoveryMap } from './reach.ts';
import { type SegmentNumber, segmentAt } from './segment.ts';
import type { TimelineId } from './timeline.ts';
import { pieceHolding } from './timeline-path.ts';
import { consistencyRange } from './unrestorable.ts';
import type { SegmentRange } from './wal-index.ts';

/** A backup whose WAL must stay: from its start onwards, or only what makes it consistent. */
export interface WalKeeper {
  readonly backup: StoredBackup;
  readonly pointInTime: boolean;
}

const ENDLESS = Number.MAX_SAFE_INTEGER as SegmentNumber;

/** The segments that the keepers need, by timeline; ascending, merged; `last` is Number.MAX_SAFE_INTEGER where it is open. */
function neededWal(wal: RecoveryMap, keepers: readonly WalKeeper[]): ReadonlyMap<TimelineId, readonly SegmentRange[]> {
  const needed = new Map<TimelineId, SegmentRange[]>();
  const need = (timeline: TimelineId, first: SegmentNumber, last: SegmentNumber): void => {
    const ranges = needed.get(timeline) ?? [];
    needed.set(timeline, ranges);
    if (first <= last) ranges.push({ first, last });
  };
  for (const { backup, pointInTime } of keepers) {
    const first = segmentAt(backup.startLsn, wal.size);
    // A backup that carries its WAL needs none to be consistent.
    const last = pointInTime
      ? ENDLESS
      : backup.carriesWal
        ? ((first - 1) as SegmentNumber)
        : consistencyRange(wal, backup).last;
    need(backup.timeline, first, last);
    for (const path of wal.paths.values()) {
      const at = pieceHolding(path, backup.timeline, backup.stopLsn);
      if (at < 0) continue;
      // The segment of a fork may be stored under the descendant's name only.
      for (const piece of path.slice(at + 1)) need(piece.timeline, piece.beginSegment, last);
    }
  }
  return new Map([...needed].map(([timeline, ranges]) => [timeline, merge(ranges)]));
}

function merge(ranges: readonly SegmentRange[]): readonly SegmentRange[] {
  const merged: { first: SegmentNumber; last: SegmentNumber }[] = [];
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    const previous = merged.at(-1);
    if (previous && first <= previous.last + 1) previous.last = last > previous.last ? last : previous.last;
    else merged.push({ first, last });
  }
  return merged;
}

/** A stretch of stored segments of one timeline that nothing needs. */
export interface PrunableWal extends SegmentRange {
  readonly timeline: TimelineId;
  /** What is stored in it. */
  readonly segments: readonly StoredSegment[];
}

/**
 * The stored WAL that no keeper needs, by timeline and segment. Kept besides:
 * - everything, while no backup can be restored;
 * - what was stored since the newest restorable backup began: a backup that is just being taken, or the first one on a timeline to
 *   which the older ones do not lead, needs it;
 * - timelines that are not understood: no history tells where they come from, and no backup was taken on them.
 */
export function prunableWal(
  repository: ObservedRepository,
  wal: RecoveryMap,
  keepers: readonly WalKeeper[],
  newestRestorable: StoredBackup | undefined,
): readonly PrunableWal[] {
  if (!newestRestorable) return [];
  const needed = neededWal(wal, keepers);
  const understood = understoodTimelines(repository);
  const stretches: { readonly timeline: TimelineId; readonly segments: readonly StoredSegment[] }[] = [];
  for (const timeline of [...repository.wal.keys()].filter((id) => understood.has(id)).sort((a, b) => a - b)) {
    const stored = [...(repository.wal.get(timeline) ?? [])].sort((a, b) => a.number - b.number);
    const ranges = needed.get(timeline) ?? [];
    // The youngest object decides for a number that is stored with several contents.
    const young = new Set(stored.filter((s) => s.storedAt >= newestRestorable.startTime).map((s) => s.number));
    let at = 0;
    let open: StoredSegment[] | undefined;
    for (const segment of stored) {
      while ((ranges[at]?.last ?? ENDLESS) < segment.number) at += 1;
      const isNeeded = (ranges[at]?.first ?? ENDLESS) <= segment.number;
      if (isNeeded || young.has(segment.number)) open = undefined;
      else if (open) open.push(segment);
      else {
        open = [segment];
        stretches.push({ timeline, segments: open });
      }
    }
  }
  return stretches.flatMap(({ timeline, segments }): readonly PrunableWal[] => {
    const first = segments[0]?.number;
    const last = segments.at(-1)?.number;
    return first === undefined || last === undefined ? [] : [{ timeline, first, last, segments }];
  });
}

function understoodTimelines(repository: ObservedRepository): ReadonlySet<TimelineId> {
  const understood = new Set<TimelineId>([1 as TimelineId, ...repository.backups.map((backup) => backup.timeline)]);
  for (const history of repository.histories.values()) {
    understood.add(history.timeline);
    for (const ancestor of history.ancestors) understood.add(ancestor.timeline);
  }
  return understood;
}
