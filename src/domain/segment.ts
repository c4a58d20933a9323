import { type Bytes, bytesOf } from './bytes.ts';
import { Failure } from './failure.ts';
import { type Lsn, lsn } from './lsn.ts';
import { parseTimelineName, type TimelineId, timelineName } from './timeline.ts';

/**
 * The number of a WAL segment: LSN / segment size. A safe integer for every segment size from 1 MiB
 * (2^64 / 2^20 = 2^44 numbers).
 */
export type SegmentNumber = number & { readonly __segment: unique symbol };

/** Size of the cluster's WAL segments (initdb --wal-segsize): a power of two, 1 MiB to 1 GiB. */
export type SegmentSize = Bytes & { readonly __segmentSize: unique symbol };

export interface Segment {
  readonly timeline: TimelineId;
  readonly number: SegmentNumber;
}

export function segmentSize(count: number): SegmentSize {
  const power = Math.log2(count);
  if (!Number.isInteger(power) || power < 20 || power > 30) {
    throw new Failure('value.invalid', {
      message: `not a WAL segment size: ${count} (a power of two, 1 MiB to 1 GiB)`,
    });
  }
  return bytesOf(count) as SegmentSize;
}

export const DEFAULT_SEGMENT_SIZE: SegmentSize = segmentSize(16 * 1024 * 1024);

export function segmentNumber(value: number): SegmentNumber {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new Failure('value.invalid', { message: `not a segment number: ${value}` });
  return value as SegmentNumber;
}

/** The segment that contains the byte at `at`. */
export function segmentAt(at: Lsn, size: SegmentSize): SegmentNumber {
  return Number(at / BigInt(size)) as SegmentNumber;
}

/**
 * The segment that contains the last byte before `end`: what must be stored so that everything below `end` is.
 * At an exact boundary that is the segment before.
 */
export function segmentBefore(end: Lsn, size: SegmentSize): SegmentNumber {
  return segmentAt(lsn(end > 0n ? end - 1n : 0n), size);
}

/** First LSN of a segment. */
export function segmentStart(number: SegmentNumber, size: SegmentSize): Lsn {
  return lsn(BigInt(number) * BigInt(size));
}

/** First LSN after a segment. */
export function segmentEnd(number: SegmentNumber, size: SegmentSize): Lsn {
  return lsn(BigInt(number + 1) * BigInt(size));
}

export function nextSegment(number: SegmentNumber, by = 1): SegmentNumber {
  return segmentNumber(number + by);
}

/** Segments in one "log" of 4 GiB: what the middle eight digits of a name count. */
const segmentsPerLog = (size: SegmentSize): number => 0x1_0000_0000 / size;

const hex8 = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');

/** The 24-digit file name (macro XLogFileName in src/include/access/xlog_internal.h). */
export function segmentName(segment: Segment, size: SegmentSize): string {
  const per = segmentsPerLog(size);
  return timelineName(segment.timeline) + hex8(Math.floor(segment.number / per)) + hex8(segment.number % per);
}

/** Throws `value.invalid` where the name is malformed or its last part cannot occur with this segment size. */
export function parseSegmentName(name: string, size: SegmentSize): Segment {
  const low = Number.parseInt(name.slice(16), 16);
  if (!/^[0-9A-F]{24}$/.test(name) || low >= segmentsPerLog(size)) {
    throw new Failure('value.invalid', {
      message: `"${name}" is not a WAL segment name for segments of ${size} bytes`,
    });
  }
  const log = Number.parseInt(name.slice(8, 16), 16);
  return {
    timeline: parseTimelineName(name.slice(0, 8)),
    number: segmentNumber(log * segmentsPerLog(size) + low),
  };
}
