import { assert, double, integer, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { growingParts } from '../../../../src/storage/remote/part-sizes.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const TIB = 1024 ** 4;
const s3 = { smallest: 5 * MIB, largestPart: 5 * GIB, count: 10_000 };

const sum = (part: (index: number, size: number | undefined) => number, count: number, size?: number): number => {
  let total = 0;
  for (let index = 0; index < count; index += 1) total += part(index, size);
  return total;
};

describe('growingParts', () => {
  test('5 TB of known and of unknown size fit', () => {
    const part = growingParts(s3);
    expect(sum(part, s3.count, 5 * TIB)).toBeGreaterThanOrEqual(5 * TIB);
    expect(sum(part, s3.count)).toBeGreaterThanOrEqual(5 * TIB);
    expect(part(0, 5 * TIB)).toBe(525 * MIB);
  });

  test('begins small where nobody knows the size, and grows gradually', () => {
    const part = growingParts(s3);
    expect(part(0, undefined)).toBe(5 * MIB);
    expect(part(100, undefined)).toBe(5 * MIB);
    for (let index = 1; index < s3.count; index += 1) {
      const growth = part(index, undefined) / part(index - 1, undefined);
      expect(growth === 1 || growth === 2).toBe(true);
    }
  });

  test('whatever the store, parts keep within its bounds and hold every object that it can hold', () => {
    assert(
      property(
        integer({ min: 1, max: 64 }),
        integer({ min: 64, max: 8192 }),
        integer({ min: 1, max: 50_000 }),
        double({ min: 0, max: 1, noNaN: true }),
        (smallest, largestPart, count, share) => {
          const options = { smallest: smallest * MIB, largestPart: largestPart * MIB, count };
          const part = growingParts(options);
          const size = Math.floor(share * options.largestPart * count);
          const each = part(0, size);
          expect(each).toBe(part(count - 1, size));
          expect(each).toBeGreaterThanOrEqual(options.smallest);
          expect(each).toBeLessThanOrEqual(options.largestPart);
          expect(each * count).toBeGreaterThanOrEqual(size);
          expect(part(count - 1, undefined)).toBeLessThanOrEqual(options.largestPart);
        },
      ),
    );
  });

  test('says that an object needs too many parts', () => {
    const part = growingParts({ smallest: 1, largestPart: 2, count: 3 });
    expect(() => part(3, undefined)).toThrow(expect.objectContaining({ code: 'store.rejected' }));
  });
});
