import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { damerauLevenshtein, nearest } from '../../../src/policy/nearest.ts';

describe('nearest', () => {
  const keys = ['schedule', 'method', 'from', 'checksums', 'timeZone', 'bucket', 'type', 'uri'];
  it.each([
    ['shedule', 'schedule'],
    ['sheduel', 'schedule'],
    ['Schedule', 'schedule'],
    ['time_zone', 'timeZone'],
    ['bucket_name', 'bucket'],
    ['typ', 'type'],
    ['form', 'from'],
    ['url', 'uri'],
    ['retention', undefined],
    ['x', undefined],
    ['', undefined],
  ])('%s means %s', (word, expected) => {
    expect(nearest(word, keys)).toBe(expected);
  });

  it('prefers the nearer one, then the longer common beginning', () => {
    expect(nearest('hours', ['house', 'hour', 'hourly'])).toBe('hour');
    expect(nearest('main2', ['rain2', 'main1'])).toBe('main1');
  });
});

describe('damerauLevenshtein', () => {
  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['abcd', 'acbd', 1],
    ['kitten', 'sitting', 3],
  ])('from %s to %s takes %i', (a, b, expected) => {
    expect(damerauLevenshtein(a, b)).toBe(expected);
  });

  it('is symmetric, zero only for equal words, and at most the longer length', () => {
    const word = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = damerauLevenshtein(a, b);
        expect(distance).toBe(damerauLevenshtein(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
