import type { ObservedRepository, StoredBackup } from './observed.ts';
import { mapRecovery, type Reach, type ReachedStretch, type RecoveryMap, reachOf, stretchesOf } from './reach.ts';
import type { SegmentSize } from './segment.ts';
import type { TimelineId } from './timeline.ts';
import { pieceHolding, type TimelinePath } from './timeline-path.ts';
import { whyUnrestorable } from './unrestorable.ts';

/** The way from a backup to a target timeline. */
export type RecoveryPath =
  | {
      readonly kind: 'open';
      readonly backup: StoredBackup;
      /** What recovery passes through: one stretch a timeline, from the backup's stop LSN to the last LSN that is stored. */
      readonly stretches: readonly ReachedStretch[];
      /** The end of the way and the segment that is missing there; it may lie before the target timeline begins. */
      readonly reach: Reach;
      /** Whether the way gets onto the target timeline at all. */
      readonly arrives: boolean;
    }
  /** The backup lies on another branch: its timeline is no ancestor of the target, or the target forked off before the backup's end. */
  | { readonly kind: 'off-path'; readonly reason: string }
  /** The backup itself cannot be made consistent. */
  | { readonly kind: 'inconsistent'; readonly reason: string };

/**
 * Where a restore of `backup` gets when it follows `target` (recovery_target_timeline). One call prepares the whole
 * repository; for many calls prepare it once with `mapRecovery` and use `followPath`.
 */
export function recoveryPath(
  repository: ObservedRepository,
  size: SegmentSize,
  backup: StoredBackup,
  target: TimelineId,
): RecoveryPath {
  return followPath(mapRecovery(repository, size), backup, target);
}

export function followPath(wal: RecoveryMap, backup: StoredBackup, target: TimelineId): RecoveryPath {
  const path = wal.paths.get(target);
  if (!path)
    return { kind: 'off-path', reason: `nothing of timeline ${target} is stored, or its history cannot be followed` };
  const reached = reachOf(wal, path, backup);
  if (!reached) return { kind: 'off-path', reason: whyOffPath(path, backup, target) };
  if (reached.kind === 'inconsistent') return { kind: 'inconsistent', reason: whyUnrestorable(wal, backup) };
  const stretches = stretchesOf(wal, path, backup, reached);
  return { kind: 'open', backup, stretches, reach: reached.reach, arrives: stretches.at(-1)?.timeline === target };
}

/** The timelines onto which a restore of `backup` can get, its own first; the last is what `latest` should mean. */
export function reachableTimelines(wal: RecoveryMap, backup: StoredBackup): readonly TimelineId[] {
  return [...wal.paths.keys()].filter((timeline) => {
    const way = followPath(wal, backup, timeline);
    return way.kind === 'open' && way.arrives;
  });
}

function whyOffPath(path: TimelinePath, backup: StoredBackup, target: TimelineId): string {
  const piece = path.find((candidate) => candidate.timeline === backup.timeline);
  if (piece && pieceHolding(path, backup.timeline, backup.stopLsn) < 0) {
    return `the way to timeline ${target} leaves timeline ${backup.timeline} before the backup ends`;
  }
  // The first timeline has no history file.
  if (path.length === 1 && target !== 1 && target !== backup.timeline)
    return `no history file of timeline ${target} is stored`;
  return `timeline ${backup.timeline} of the backup is not an ancestor of timeline ${target}`;
}
