import { type Lsn, lsn } from './lsn.ts';
import { type SegmentNumber, type SegmentSize, segmentAt } from './segment.ts';
import type { TimelineHistory, TimelineId } from './timeline.ts';

/** One timeline on the way to a target timeline. */
interface PathPiece {
  readonly timeline: TimelineId;
  /** Where the path enters this timeline: the fork from its parent; 0/0 for the first. */
  readonly begin: Lsn;
  /** The segment that holds `begin`: the first that exists under this timeline's name. */
  readonly beginSegment: SegmentNumber;
  /** Where the path leaves it; undefined for the target timeline itself. */
  readonly end: Lsn | undefined;
}

/** The timelines that recovery reads on its way to the last of them, oldest first. */
export type TimelinePath = readonly PathPiece[];

/**
 * The path to a timeline by its own history file, as PostgreSQL takes it; the files of its ancestors are not needed.
 * Without a history file the timeline stands alone: only backups taken on it lie on the path.
 * Undefined where the forks of the history do not ascend: nothing can be said about such a timeline.
 */
export function timelinePath(
  histories: ReadonlyMap<TimelineId, TimelineHistory>,
  timeline: TimelineId,
  size: SegmentSize,
): TimelinePath | undefined {
  const ancestors = histories.get(timeline)?.ancestors ?? [];
  const pieces: PathPiece[] = [];
  let begin = lsn(0n);
  for (const { timeline: ancestor, switchLsn } of ancestors) {
    if (switchLsn < begin) return undefined;
    pieces.push({ timeline: ancestor, begin, beginSegment: segmentAt(begin, size), end: switchLsn });
    begin = switchLsn;
  }
  pieces.push({ timeline, begin, beginSegment: segmentAt(begin, size), end: undefined });
  return pieces;
}

/**
 * Index of the piece on which a position of `timeline` lies; −1 where that timeline is not on the path or the path has left
 * it before. Exactly at the fork counts as before it: a backup that stops there can still follow the path.
 */
export function pieceHolding(path: TimelinePath, timeline: TimelineId, at: Lsn): number {
  return path.findIndex((piece) => piece.timeline === timeline && (piece.end === undefined || at <= piece.end));
}
