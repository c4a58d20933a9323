import { durationOf } from './duration.ts';
import type { Instant } from './instant.ts';
import { type Lsn, maxLsn, minLsn } from './lsn.ts';
import type { BackupId, ObservedRepository, StoredBackup } from './observed.ts';
import type { BackupStretch, DetailedRecoveryWindow } from './recovery-window.ts';
import { segmentStart } from './segment.ts';
import type { TimelineId } from './timeline.ts';
import { pieceHolding } from './timeline-path.ts';
import { storedAtOf } from './wal-index.ts';

/**
 * The backups from which every moment since `since` is restored where they were taken before it: for each line of
 * timelines the newest one that leads into the window.
 *
 * Which moments lie in the window is known only by what is stored: a segment stored before `since` holds none; nor does
 * anything up to the end of a backup that ended before it, on its timeline and the ancestors of that. Besides, the state at `since`
 * itself must be restorable, even where nothing was written after: that takes the newest restorable backup that ended before.
 */
export function windowAnchors(
  repository: ObservedRepository,
  window: DetailedRecoveryWindow,
  since: Instant,
): ReadonlyMap<BackupId, StoredBackup> {
  const anchors = new Map<BackupId, StoredBackup>();
  const add = (backup: StoredBackup | undefined): void => {
    if (backup) anchors.set(backup.id, backup);
  };
  const older = repository.backups.filter((backup) => backup.stopTime <= since);
  add(newest(older.filter((backup) => window.restorable.has(backup.id))));
  const begins = windowBegins(window, older, since);
  for (const interval of window.intervals) {
    const begin = begins.get(interval.timeline);
    if (begin === undefined || interval.toLsn <= begin) continue;
    add(closestBefore(window.stretches.get(interval.timeline) ?? [], maxLsn(begin, interval.fromLsn)));
  }
  return anchors;
}

function newest(backups: readonly StoredBackup[]): StoredBackup | undefined {
  return [...backups].sort((a, b) => b.stopTime - a.stopTime || (a.id < b.id ? 1 : -1))[0];
}

/** For each timeline the lowest LSN that may have been written since `since`; timelines on which nothing was are left out. */
function windowBegins(
  window: DetailedRecoveryWindow,
  older: readonly StoredBackup[],
  since: Instant,
): ReadonlyMap<TimelineId, Lsn> {
  const { indexes, paths, size } = window.wal;
  const begins = new Map<TimelineId, Lsn>();
  for (const [timeline, { segments }] of indexes) {
    const first = segments.find((segment) => segment.storedAt >= since);
    if (first) begins.set(timeline, segmentStart(first.number, size));
  }
  const proven = new Map<TimelineId, Lsn>();
  for (const path of paths.values()) {
    const stops = older.map((backup) => ({ backup, at: pieceHolding(path, backup.timeline, backup.stopLsn) }));
    const farthest = Math.max(-1, ...stops.map(({ at }) => at));
    for (const [at, piece] of path.entries()) {
      // The segment of a fork may be stored under the descendant's name only; what comes before the fork in it is the ancestor's.
      const index = indexes.get(piece.timeline);
      const storedAt = index && storedAtOf(index, piece.beginSegment);
      if (storedAt !== undefined && storedAt >= since) {
        const start = segmentStart(piece.beginSegment, size);
        for (const { timeline, end } of path.slice(0, at)) {
          if (end !== undefined && end > start) begins.set(timeline, minLsn(begins.get(timeline) ?? start, start));
        }
      }
      const ended = stops.filter((stop) => stop.at === at).map(({ backup }) => backup.stopLsn);
      const until =
        at < farthest
          ? piece.end
          : ended.reduce<Lsn | undefined>((a, b) => (a === undefined ? b : maxLsn(a, b)), undefined);
      if (until !== undefined) proven.set(piece.timeline, maxLsn(proven.get(piece.timeline) ?? until, until));
    }
  }
  for (const [timeline, until] of proven) {
    const begin = begins.get(timeline);
    if (begin !== undefined) begins.set(timeline, maxLsn(begin, until));
  }
  return begins;
}

/** Of the backups that reach past `at` on this timeline, the one with the least WAL to replay until there. */
function closestBefore(stretches: readonly BackupStretch[], at: Lsn): StoredBackup | undefined {
  let best: BackupStretch | undefined;
  for (const stretch of stretches) {
    if (stretch.fromLsn <= at && stretch.toLsn > at && (!best || closer(stretch, best))) best = stretch;
  }
  return best?.backup;
}

function closer(a: BackupStretch, b: BackupStretch): boolean {
  if (a.backup.timeline !== b.backup.timeline) return a.backup.timeline > b.backup.timeline;
  if (a.backup.stopLsn !== b.backup.stopLsn) return a.backup.stopLsn > b.backup.stopLsn;
  return a.backup.id > b.backup.id;
}

/** How long an unrestorable backup is given to become restorable where no window says so: archiving may be days behind. */
export const PATIENCE = durationOf(7 * 86_400_000);
