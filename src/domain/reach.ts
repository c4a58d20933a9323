import { damagedBackups } from './damaged-backups.ts';
import { Failure } from './failure.ts';
import type { Instant } from './instant.ts';
import { type Lsn, maxLsn, minLsn } from './lsn.ts';
import type { BackupId, ObservedRepository, StoredBackup } from './observed.ts';
import {
  nextSegment,
  type Segment,
  type SegmentNumber,
  type SegmentSize,
  segmentAt,
  segmentEnd,
  segmentStart,
} from './segment.ts';
import type { TimelineId } from './timeline.ts';
import { pieceHolding, type TimelinePath, timelinePath } from './timeline-path.ts';
import { indexWal, runAt, storedAtOf, type WalIndex } from './wal-index.ts';

/** Everything that restores ask of one repository, prepared once. */
export interface RecoveryMap {
  readonly size: SegmentSize;
  readonly indexes: ReadonlyMap<TimelineId, WalIndex>;
  /** Paths to every timeline that a history, WAL or a backup mentions. */
  readonly paths: ReadonlyMap<TimelineId, TimelinePath>;
  /** Backups that no WAL can help, with the reason. */
  readonly damaged: ReadonlyMap<BackupId, string>;
}

export function mapRecovery(repository: ObservedRepository, size: SegmentSize): RecoveryMap {
  const indexes = new Map([...repository.wal].map(([timeline, stored]) => [timeline, indexWal(stored)]));
  const timelines = new Set([
    ...indexes.keys(),
    ...repository.histories.keys(),
    ...repository.backups.map((b) => b.timeline),
  ]);
  const paths = new Map<TimelineId, TimelinePath>();
  for (const timeline of [...timelines].sort((a, b) => a - b)) {
    const path = timelinePath(repository.histories, timeline, size);
    if (path) paths.set(timeline, path);
  }
  return { size, indexes, paths, damaged: damagedBackups(repository) };
}

/** How far recovery gets along a path. */
export interface Reach {
  /** The end of what can be read: every LSN of the path up to here. */
  readonly lsn: Lsn;
  /** The segment that ends the walk because it is not stored; recovery would ask for it next. */
  readonly missing: Segment;
}

/**
 * Walks from segment `from` on piece `index` of the path through consecutive segments. As PostgreSQL does
 * (XLogFileReadAnyTLI in src/backend/access/transam/xlogrecovery.c), a segment that holds a fork is read under the newest
 * timeline's name that exists; under the parent's name it is good up to the fork only.
 */
function walk(wal: RecoveryMap, path: TimelinePath, index: number, from: SegmentNumber): Reach {
  const { size } = wal;
  let at = index;
  let segment = from;
  for (;;) {
    const piece = path[at];
    const next = path[at + 1];
    if (!piece) throw new Failure('bug', { message: `a timeline path has no piece ${at}` });
    const run = runIn(wal, piece.timeline, segment);
    if (!next || segment < next.beginSegment) {
      if (!run) return { lsn: segmentStart(segment, size), missing: { timeline: piece.timeline, number: segment } };
      if (!next || run.last < next.beginSegment - 1) {
        return {
          lsn: segmentEnd(run.last, size),
          missing: { timeline: piece.timeline, number: nextSegment(run.last) },
        };
      }
      segment = next.beginSegment;
      continue;
    }
    const newest = path.findLastIndex(
      (candidate, i) =>
        i > at && candidate.beginSegment <= segment && runIn(wal, candidate.timeline, segment) !== undefined,
    );
    if (newest > at) {
      at = newest;
      continue;
    }
    const lsn = run ? maxLsn(next.begin, segmentStart(segment, size)) : segmentStart(segment, size);
    return { lsn, missing: { timeline: next.timeline, number: segment } };
  }
}

function runIn(wal: RecoveryMap, timeline: TimelineId, segment: SegmentNumber): ReturnType<typeof runAt> {
  const index = wal.indexes.get(timeline);
  return index && runAt(index, segment);
}

/** A backup on its way along one path. */
export interface BackupReach {
  readonly kind: 'consistent' | 'inconsistent';
  /** Index of the piece on which the backup lies. */
  readonly piece: number;
  readonly reach: Reach;
}

/**
 * How far a restore of the backup gets along the path; undefined where the backup does not lie on it. `inconsistent` when
 * the WAL between the backup's start and stop is not all there, or the backup itself is not whole.
 */
export function reachOf(wal: RecoveryMap, path: TimelinePath, backup: StoredBackup): BackupReach | undefined {
  const piece = pieceHolding(path, backup.timeline, backup.stopLsn);
  if (piece < 0) return undefined;
  if (wal.damaged.has(backup.id))
    return { kind: 'inconsistent', piece, reach: walk(wal, path, piece, segmentAt(backup.startLsn, wal.size)) };
  if (backup.carriesWal) {
    const reach = walk(wal, path, piece, segmentAt(backup.stopLsn, wal.size));
    return { kind: 'consistent', piece, reach: { ...reach, lsn: maxLsn(reach.lsn, backup.stopLsn) } };
  }
  const reach = walk(wal, path, piece, segmentAt(backup.startLsn, wal.size));
  return { kind: reach.lsn >= backup.stopLsn ? 'consistent' : 'inconsistent', piece, reach };
}

/** The part of one timeline that a restore can reach. */
export interface ReachedStretch {
  readonly timeline: TimelineId;
  readonly fromLsn: Lsn;
  readonly toLsn: Lsn;
  readonly fromTime: Instant;
  readonly toTime: Instant;
}

/** Cuts a consistent backup's reach into stretches, one a timeline, in the order of recovery. */
export function stretchesOf(
  wal: RecoveryMap,
  path: TimelinePath,
  backup: StoredBackup,
  from: BackupReach,
): readonly ReachedStretch[] {
  const stretches: ReachedStretch[] = [];
  const end = from.reach.lsn;
  for (let at = from.piece; at < path.length; at += 1) {
    const piece = path[at];
    if (!piece) break;
    const first = at === from.piece;
    const fromLsn = first ? backup.stopLsn : piece.begin;
    if (!first && end <= fromLsn) break;
    const toLsn = piece.end === undefined ? end : minLsn(end, piece.end);
    // Two promotions without a change between them leave an empty timeline.
    if (!first && toLsn <= fromLsn) continue;
    const fromTime = first ? backup.stopTime : (storedOnPath(wal, path, at, fromLsn) ?? backup.stopTime);
    const toTime = toLsn > fromLsn ? storedOnPath(wal, path, at, (toLsn - 1n) as Lsn) : undefined;
    stretches.push({
      timeline: piece.timeline,
      fromLsn,
      toLsn,
      fromTime,
      toTime: maxInstant(fromTime, toTime ?? fromTime),
    });
  }
  return stretches;
}

/** When the segment was stored from which recovery reads the byte at `at`, which lies on piece `index`. */
function storedOnPath(wal: RecoveryMap, path: TimelinePath, index: number, at: Lsn): Instant | undefined {
  const segment = segmentAt(at, wal.size);
  let stored: Instant | undefined;
  for (let i = index; i < path.length; i += 1) {
    const piece = path[i];
    if (!piece || (i > index && piece.beginSegment > segment)) break;
    const walIndex = wal.indexes.get(piece.timeline);
    stored = (walIndex && storedAtOf(walIndex, segment)) ?? stored;
    if (stored !== undefined && i === index) break;
  }
  return stored;
}

const maxInstant = (a: Instant, b: Instant): Instant => (a > b ? a : b);
