import type { Lsn } from '../domain/lsn.ts';
import type { ObservedRepository, StoredSegment } from '../domain/observed.ts';
import {
  nextSegment,
  type SegmentNumber,
  type SegmentSize,
  segmentEnd,
  segmentName,
  segmentStart,
} from '../domain/segment.ts';
import type { TimelineHistory, TimelineId } from '../domain/timeline.ts';

/** WAL that a repository holds, for people: what is there without a break, and what is missing in between. */
export interface WalInventory {
  readonly segmentSize: SegmentSize | undefined;
  /** Ascending. A timeline of which only the history is stored has no ranges. */
  readonly timelines: readonly TimelineInventory[];
  /** Names of the stored `.partial` and `.backup` files, ascending. */
  readonly otherFiles: readonly string[];
}

interface TimelineInventory {
  readonly timeline: TimelineId;
  readonly history: TimelineHistory | undefined;
  /** Ascending, with at least one missing segment between any two. */
  readonly ranges: readonly WalRange[];
  /** Between the ranges. What is missing before the first or after the last only the backups can tell (recovery window). */
  readonly gaps: readonly MissingWal[];
  /** Names of which two contents are stored: they count as missing. */
  readonly conflicts: readonly string[];
}

interface MissingWal {
  readonly first: SegmentNumber;
  readonly last: SegmentNumber;
  readonly firstName: string;
  readonly lastName: string;
  readonly segments: number;
}

interface WalRange extends MissingWal {
  readonly fromLsn: Lsn;
  /** The first position after the range. */
  readonly toLsn: Lsn;
  readonly storedBytes: number;
  /** When the last of them was stored. */
  readonly storedAt: StoredSegment['storedAt'];
}

/** Pure. */
export function listWal(observed: ObservedRepository): WalInventory {
  const size = observed.identity?.segmentSize;
  const ids = new Set<TimelineId>([...observed.wal.keys(), ...observed.histories.keys()]);
  const timelines = [...ids]
    .sort((a, b) => a - b)
    .map((timeline): TimelineInventory => {
      const segments = size === undefined ? [] : (observed.wal.get(timeline) ?? []);
      return {
        timeline,
        history: observed.histories.get(timeline),
        ...(size === undefined ? { ranges: [], gaps: [], conflicts: [] } : inventory(timeline, segments, size)),
      };
    });
  return { segmentSize: size, timelines, otherFiles: [...observed.otherWalFiles].sort() };
}

function inventory(
  timeline: TimelineId,
  segments: readonly StoredSegment[],
  size: SegmentSize,
): Pick<TimelineInventory, 'ranges' | 'gaps' | 'conflicts'> {
  const nameOf = (number: SegmentNumber): string => segmentName({ timeline, number }, size);
  const span = (first: SegmentNumber, last: SegmentNumber): MissingWal => ({
    first,
    last,
    firstName: nameOf(first),
    lastName: nameOf(last),
    segments: last - first + 1,
  });
  const ranges: WalRange[] = [];
  const gaps: MissingWal[] = [];
  for (const run of runsOf(segments.filter(({ conflict }) => !conflict))) {
    const first = run[0];
    const last = run.at(-1);
    if (!first || !last) continue;
    const before = ranges.at(-1);
    if (before) gaps.push(span(nextSegment(before.last), nextSegment(first.number, -1)));
    ranges.push({
      ...span(first.number, last.number),
      fromLsn: segmentStart(first.number, size),
      toLsn: segmentEnd(last.number, size),
      storedBytes: run.reduce((sum, segment) => sum + segment.size, 0),
      storedAt: run.reduce(
        (latest, segment) => (segment.storedAt > latest ? segment.storedAt : latest),
        first.storedAt,
      ),
    });
  }
  return { ranges, gaps, conflicts: segments.filter(({ conflict }) => conflict).map(({ number }) => nameOf(number)) };
}

/** Splits ascending segments where a number is missing. */
function runsOf(segments: readonly StoredSegment[]): readonly (readonly StoredSegment[])[] {
  const runs: StoredSegment[][] = [];
  for (const segment of segments) {
    const run = runs.at(-1);
    if (run?.at(-1)?.number === segment.number - 1) run.push(segment);
    else runs.push([segment]);
  }
  return runs;
}
