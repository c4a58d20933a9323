import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatInstant,
  formatPreciseInstant,
  instant,
  parseInstant,
  parsePreciseInstant,
} from '../../../src/domain/instant.ts';
import { caught } from '../../support/caught.ts';

test.each([
  ['2026-11-20T14:05:00Z', '2026-11-20T14:05:00.000Z'],
  ['2026-11-20 15:05+01:00', '2026-11-20T14:05:00.000Z'],
  ['2026-11-20 15:05:07.123456+01', '2026-11-20T14:05:07.123Z'],
  ['2026-11-20T15:05:07,5+0100', '2026-11-20T14:05:07.500Z'],
  ['2026-11-20T09:35:00-0430', '2026-11-20T14:05:00.000Z'],
  [' 2026-11-20t14:05:00z ', '2026-11-20T14:05:00.000Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
])('%s', (text, utc) => {
  expect(formatInstant(parseInstant(text))).toBe(utc);
});

test.each([
  ['2026-11-20T14:05:00', 'is not a time with a zone'],
  ['2026-11-20', 'is not a time with a zone'],
  ['14:05', 'is not a time with a zone'],
  ['yesterday', 'is not a time with a zone'],
  ['2026-11-20T14:05:00 Europe/Berlin', 'is not a time with a zone'],
  ['2026-02-31T00:00:00Z', 'is not a moment that exists'],
  ['2025-02-29T00:00:00Z', 'is not a moment that exists'],
  ['2026-13-01T00:00:00Z', 'is not a moment that exists'],
  ['2026-11-20T25:00:00Z', 'is not a moment that exists'],
  ['2026-11-20T14:60:00Z', 'is not a moment that exists'],
])('refuses "%s"', (text, words) => {
  const failure = caught(() => parseInstant(text));
  expect(failure).toMatchObject({ code: 'value.invalid' });
  expect(failure.message).toContain(words);
});

test('a moment is a finite number of whole milliseconds', () => {
  expect(instant(1.9)).toBe(1);
  expect(caught(() => instant(Number.NaN)).code).toBe('value.invalid');
  expect(caught(() => instant(Number.POSITIVE_INFINITY)).code).toBe('value.invalid');
});

test('what is formatted is parsed back', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: Date.UTC(1970), max: Date.UTC(9999) }),
      (at) => parseInstant(formatInstant(instant(at))) === at,
    ),
  );
});

test.each([
  ['2026-11-20T14:05:07.123456Z', '2026-11-20T14:05:07.123456Z'],
  ['2026-11-20 15:05:07.1230569+01', '2026-11-20T14:05:07.123056Z'],
  ['2026-11-20T14:05:07.1234Z', '2026-11-20T14:05:07.123400Z'],
  ['2026-11-20T14:05:07.5Z', '2026-11-20T14:05:07.500Z'],
  ['2026-11-20T14:05Z', '2026-11-20T14:05:00.000Z'],
])('%s to the microsecond', (text, utc) => {
  expect(formatPreciseInstant(parsePreciseInstant(text))).toBe(utc);
});
