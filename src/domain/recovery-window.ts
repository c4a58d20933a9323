import type { Instant } from './instant.ts';
import { type Lsn, maxLsn } from './lsn.ts';
import type { BackupId, ObservedRepository, StoredBackup } from './observed.ts';
import { mapRecovery, type ReachedStretch, type RecoveryMap, reachOf, stretchesOf } from './reach.ts';
import type { SegmentSize } from './segment.ts';
import type { TimelineId } from './timeline.ts';
import { whyUnrestorable } from './unrestorable.ts';
import { findWalGaps, type WalGap } from './wal-gaps.ts';

/**
 * A stretch that can be restored: every LSN from `fromLsn` to `toLsn` on this timeline.
 *
 * Times are known only as well as objects tell them. `fromTime` is the stop time of the first backup, or, where a timeline
 * forks off, the moment its first segment was stored. `toTime` is the moment the last segment was stored: an upper bound, for
 * everything in it was committed before.
 */
export interface RecoveryInterval {
  readonly timeline: TimelineId;
  readonly fromLsn: Lsn;
  readonly toLsn: Lsn;
  readonly fromTime: Instant;
  readonly toTime: Instant;
  /** The backups from which a restore into this interval can start, oldest first. */
  readonly backups: readonly BackupId[];
}

export interface RecoveryWindow {
  /** By timeline, then LSN. */
  readonly intervals: readonly RecoveryInterval[];
  readonly gaps: readonly WalGap[];
  /** Backups that cannot be restored, each with the reason in words. */
  readonly unrestorable: readonly { readonly backup: BackupId; readonly reason: string }[];
}

/** What one backup reaches on one timeline. */
export interface BackupStretch extends ReachedStretch {
  readonly backup: StoredBackup;
}

/** The recovery window with what retention needs beyond it. */
export interface DetailedRecoveryWindow extends RecoveryWindow {
  readonly wal: RecoveryMap;
  /** For each timeline, what each restorable backup reaches on it. */
  readonly stretches: ReadonlyMap<TimelineId, readonly BackupStretch[]>;
  readonly restorable: ReadonlySet<BackupId>;
}

/**
 * What can be restored from one repository, by what it stores alone.
 *
 * A backup is restorable when all packs that it names are stored, and it carries its WAL or all segments from its start to its stop LSN are stored without
 * conflict. From there the window extends to the end of the last consecutive segment, and onto every timeline that forks off
 * at an LSN that is reached. Time O(n log n) in segments, plus the product of backups and timelines on a path.
 */
export function computeRecoveryWindow(repository: ObservedRepository, size: SegmentSize): RecoveryWindow {
  const { intervals, gaps, unrestorable } = detailRecoveryWindow(repository, size);
  return { intervals, gaps, unrestorable };
}

export function detailRecoveryWindow(repository: ObservedRepository, size: SegmentSize): DetailedRecoveryWindow {
  const wal = mapRecovery(repository, size);
  const byTimeline = new Map<TimelineId, Map<BackupId, BackupStretch>>();
  const restorable = new Set<BackupId>();
  for (const path of wal.paths.values()) {
    for (const backup of repository.backups) {
      const reach = reachOf(wal, path, backup);
      if (reach?.kind !== 'consistent') continue;
      restorable.add(backup.id);
      for (const stretch of stretchesOf(wal, path, backup, reach)) addStretch(byTimeline, { ...stretch, backup });
    }
  }
  const stretches = new Map([...byTimeline].map(([timeline, byBackup]) => [timeline, [...byBackup.values()]]));
  return {
    intervals: [...stretches].sort(([a], [b]) => a - b).flatMap(([, list]) => mergeStretches(list)),
    gaps: findWalGaps(repository, wal),
    unrestorable: repository.backups
      .filter((backup) => !restorable.has(backup.id))
      .map((backup) => ({ backup: backup.id, reason: whyUnrestorable(wal, backup) })),
    wal,
    stretches,
    restorable,
  };
}

/** Paths to different targets give the same beginning on a timeline; the longest counts. */
function addStretch(byTimeline: Map<TimelineId, Map<BackupId, BackupStretch>>, stretch: BackupStretch): void {
  const byBackup = byTimeline.get(stretch.timeline) ?? new Map<BackupId, BackupStretch>();
  byTimeline.set(stretch.timeline, byBackup);
  const known = byBackup.get(stretch.backup.id);
  if (!known || known.toLsn < stretch.toLsn) byBackup.set(stretch.backup.id, stretch);
}

function mergeStretches(stretches: readonly BackupStretch[]): readonly RecoveryInterval[] {
  const groups: { toLsn: Lsn; members: BackupStretch[] }[] = [];
  for (const stretch of [...stretches].sort((a, b) => (a.fromLsn < b.fromLsn ? -1 : a.fromLsn > b.fromLsn ? 1 : 0))) {
    const group = groups.at(-1);
    if (group && stretch.fromLsn <= group.toLsn) {
      group.members.push(stretch);
      group.toLsn = maxLsn(group.toLsn, stretch.toLsn);
    } else groups.push({ toLsn: stretch.toLsn, members: [stretch] });
  }
  return groups.flatMap(({ toLsn, members }) => {
    const [first] = members;
    if (!first) return [];
    const oldestFirst = [...members].sort(
      (a, b) => a.backup.startTime - b.backup.startTime || (a.backup.id < b.backup.id ? -1 : 1),
    );
    const toTime = members.reduce((latest, member) => (member.toTime > latest ? member.toTime : latest), first.toTime);
    const { timeline, fromLsn, fromTime } = first;
    return [{ timeline, fromLsn, toLsn, fromTime, toTime, backups: oldestFirst.map((member) => member.backup.id) }];
  });
}
