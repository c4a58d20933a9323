import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lsn, parseLsn } from '../../../src/domain/lsn.ts';
import {
  DEFAULT_SEGMENT_SIZE,
  nextSegment,
  parseSegmentName,
  segmentAt,
  segmentBefore,
  segmentEnd,
  segmentName,
  segmentNumber,
  segmentSize,
  segmentStart,
} from '../../../src/domain/segment.ts';
import { timelineId } from '../../../src/domain/timeline.ts';
import { caught } from '../../support/caught.ts';

const MiB = 1024 * 1024;
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024].map((count) => segmentSize(count * MiB));

// Names as pg_walfile_name gives them on servers that were initialised with --wal-segsize.
describe('a segment name', () => {
  test.each([
    [1, '0/1000000', 16, '000000010000000000000001'],
    [1, '0/FFFFFFFF', 16, '0000000100000000000000FF'],
    [1, '1/0', 16, '000000010000000100000000'],
    [10, '0/1000000', 16, '0000000A0000000000000001'],
    [256, '0/1000000', 16, '000001000000000000000001'],
    [4294967295, '16/B374D848', 16, 'FFFFFFFF00000016000000B3'],
    [1, '0/FFFFFFFF', 1, '000000010000000000000FFF'],
    [1, '1/0', 1, '000000010000000100000000'],
    [1, '0/FFFFFFFF', 64, '00000001000000000000003F'],
    [1, '0/FFFFFFFF', 1024, '000000010000000000000003'],
    [1, 'FFFFFFFF/FFFFFFFF', 1, '00000001FFFFFFFF00000FFF'],
  ])('timeline %i at %s with segments of %s MiB', (timeline, at, mebibytes, name) => {
    const size = segmentSize(mebibytes * MiB);
    const segment = { timeline: timelineId(timeline), number: segmentAt(parseLsn(at), size) };
    expect(segmentName(segment, size)).toBe(name);
    expect(parseSegmentName(name, size)).toEqual(segment);
  });

  test.each([
    ['000000010000000000000100', 16],
    ['000000010000000000001000', 1],
    ['000000010000000000000004', 1024],
    ['00000001000000000000001', 16],
    ['00000001000000000000000G', 16],
    ['0000000100000000000000ff', 16],
    ['000000000000000000000001', 16],
    ['000000010000000000000001.partial', 16],
  ])('%s cannot occur with segments of %i MiB', (name, mebibytes) => {
    expect(caught(() => parseSegmentName(name, segmentSize(mebibytes * MiB))).code).toBe('value.invalid');
  });

  test('is read back for every size, timeline and number, and names ascend with numbers', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SIZES),
        fc.integer({ min: 1, max: 0xffff_ffff }),
        fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        (size, timeline, at) => {
          const segment = { timeline: timelineId(timeline), number: segmentAt(lsn(at), size) };
          const name = segmentName(segment, size);
          expect(parseSegmentName(name, size)).toEqual(segment);
          if (segment.number > 0)
            expect(segmentName({ ...segment, number: nextSegment(segment.number, -1) }, size) < name).toBe(true);
          expect(segmentStart(segment.number, size) <= at && at < BigInt(segment.number + 1) * BigInt(size)).toBe(true);
        },
      ),
    );
  });
});

test.each([
  ['0/2000000', 2, 1],
  ['0/2000001', 2, 2],
  ['0/1FFFFFF', 1, 1],
  ['0/0', 0, 0],
])('%s lies in segment %i; what is below it ends in segment %i', (at, holding, before) => {
  expect(segmentAt(parseLsn(at), DEFAULT_SEGMENT_SIZE)).toBe(holding);
  expect(segmentBefore(parseLsn(at), DEFAULT_SEGMENT_SIZE)).toBe(before);
});

test('a segment ends where the next begins', () => {
  for (const size of SIZES)
    expect(segmentEnd(segmentNumber(254), size)).toBe(segmentStart(nextSegment(segmentNumber(254)), size));
});

test.each([0, 1, 1024, 3 * MiB, 512 * 1024, 2048 * MiB, -16, Number.NaN])('%d is no segment size', (count) => {
  expect(caught(() => segmentSize(count)).code).toBe('value.invalid');
});

test('there is no segment before the first', () => {
  expect(caught(() => nextSegment(segmentNumber(0), -1)).code).toBe('value.invalid');
});
