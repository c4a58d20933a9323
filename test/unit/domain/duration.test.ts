import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { durationOf, formatDuration, parseDuration } from '../../../src/domain/duration.ts';
import { caught } from '../../support/caught.ts';

test.each([
  ['30s', 30_000, '30s'],
  ['15m', 900_000, '15m'],
  ['6h', 21_600_000, '6h'],
  ['14d', 1_209_600_000, '14d'],
  ['2w', 1_209_600_000, '14d'],
  ['90m', 5_400_000, '90m'],
  ['0s', 0, '0s'],
])('%s', (text, milliseconds, formatted) => {
  expect(parseDuration(text)).toBe(milliseconds);
  expect(formatDuration(parseDuration(text))).toBe(formatted);
});

test.each(['', '5', 'm', '1.5h', '-1h', '1 h', '1h30m', '5M', '1y', '99999999999999999d'])('refuses "%s"', (text) => {
  expect(caught(() => parseDuration(text))).toMatchObject({
    code: 'value.invalid',
    message: `"${text}" is not a duration`,
  });
});

test('parts of a second are rounded up', () => {
  expect(formatDuration(durationOf(1))).toBe('1s');
  expect(formatDuration(durationOf(1500))).toBe('2s');
});

test('whole seconds are parsed back', () => {
  fc.assert(
    fc.property(fc.nat(), (seconds) => parseDuration(formatDuration(durationOf(seconds * 1000))) === seconds * 1000),
  );
});
