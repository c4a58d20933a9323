import type { Instant } from './instant.ts';
import type { StoredSegment } from './observed.ts';
import { nextSegment, type SegmentNumber } from './segment.ts';

/** Consecutive segments that are all stored without conflict. */
export interface SegmentRange {
  readonly first: SegmentNumber;
  readonly last: SegmentNumber;
}

/** The stored segments of one timeline, ready for lookups in logarithmic time. */
export interface WalIndex {
  /** Ascending and never adjacent. */
  readonly runs: readonly SegmentRange[];
  /** The usable segments, ascending by number: a number with conflicting contents is left out. */
  readonly segments: readonly StoredSegment[];
  /** Numbers that are stored with more than one content, ascending. */
  readonly conflicts: ReadonlySet<SegmentNumber>;
}

export function indexWal(stored: readonly StoredSegment[]): WalIndex {
  const sorted = [...stored].sort((a, b) => a.number - b.number);
  const conflicts = new Set(sorted.filter((segment) => segment.conflict).map((segment) => segment.number));
  const segments = conflicts.size === 0 ? sorted : sorted.filter((segment) => !conflicts.has(segment.number));
  const runs: { first: SegmentNumber; last: SegmentNumber }[] = [];
  for (const { number } of segments) {
    const run = runs.at(-1);
    if (run && number <= run.last + 1) run.last = number;
    else runs.push({ first: number, last: number });
  }
  return { runs, segments, conflicts };
}

/** The run that holds `number`; undefined where that segment is not stored. */
export function runAt(index: WalIndex, number: SegmentNumber): SegmentRange | undefined {
  const run = index.runs[lastAtMost(index.runs, number, (candidate) => candidate.first)];
  return run && run.last >= number ? run : undefined;
}

/** When the segment was stored; undefined where it is not. */
export function storedAtOf(index: WalIndex, number: SegmentNumber): Instant | undefined {
  const segment = index.segments[lastAtMost(index.segments, number, (candidate) => candidate.number)];
  return segment?.number === number ? segment.storedAt : undefined;
}

/** The stretches of `range` that are not stored. */
export function missingIn(index: WalIndex, range: SegmentRange): readonly SegmentRange[] {
  const missing: SegmentRange[] = [];
  let from: number = range.first;
  const begin = Math.max(
    0,
    lastAtMost(index.runs, range.first, (run) => run.first),
  );
  for (let at = begin; at < index.runs.length; at += 1) {
    const run = index.runs[at];
    if (!run || run.first > range.last) break;
    if (run.first > from) missing.push({ first: from as SegmentNumber, last: nextSegment(run.first, -1) });
    from = Math.max(from, run.last + 1);
  }
  if (from <= range.last) missing.push({ first: from as SegmentNumber, last: range.last });
  return missing;
}

/** Index of the last item whose key is at most `key`, −1 where there is none. */
function lastAtMost<T>(items: readonly T[], key: number, keyOf: (item: T) => number): number {
  let low = -1;
  let high = items.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && keyOf(item) <= key) low = middle;
    else high = middle;
  }
  return low;
}
