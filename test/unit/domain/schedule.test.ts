import * as fc from 'fast-check';
import { createTask } from 'node-cron';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseCron } from '../../../src/domain/cron.ts';
import { durationOf, parseDuration } from '../../../src/domain/duration.ts';
import { formatInstant, type Instant, instant, parseInstant } from '../../../src/domain/instant.ts';
import { latestSlot, nextSlot, type Schedule, validTimeZone } from '../../../src/domain/schedule.ts';

const cron = (expression: string, timeZone = 'UTC'): Schedule => ({
  kind: 'cron',
  expression: parseCron(expression),
  timeZone,
});

/** All slots in (from, to], found by walking forward, and the same found by walking backward. */
function slots(schedule: Schedule, from: string, to: string): readonly string[] {
  const forward: Instant[] = [];
  for (
    let at = nextSlot(schedule, parseInstant(from));
    at !== undefined && at <= parseInstant(to);
    at = nextSlot(schedule, at)
  ) {
    forward.push(at);
  }
  const backward: Instant[] = [];
  let at = latestSlot(schedule, parseInstant(to));
  while (at !== undefined && at > parseInstant(from)) {
    backward.unshift(at);
    at = latestSlot(schedule, instant(at - 1));
  }
  expect(backward).toEqual(forward);
  return forward.map((slot) => formatInstant(slot).replace(':00.000Z', 'Z'));
}

describe('a cron schedule', () => {
  test.each([
    ['0 2 * * *', 'UTC', '2026-01-01T02:00:00Z', '2026-01-01T02:00:00.000Z', '2026-01-02T02:00:00.000Z'],
    ['0 2 * * *', 'UTC', '2026-01-01T01:59:59.999Z', '2025-12-31T02:00:00.000Z', '2026-01-01T02:00:00.000Z'],
    ['0 2 * * *', 'Europe/Berlin', '2026-01-01T00:30:00Z', '2025-12-31T01:00:00.000Z', '2026-01-01T01:00:00.000Z'],
    ['0 2 * * *', 'Europe/Berlin', '2026-07-01T00:30:00Z', '2026-07-01T00:00:00.000Z', '2026-07-02T00:00:00.000Z'],
    ['30 1 * * *', 'Asia/Kathmandu', '2026-01-01T00:00:00Z', '2025-12-31T19:45:00.000Z', '2026-01-01T19:45:00.000Z'],
    [
      '0 0 * * mon',
      'Pacific/Kiritimati',
      '2026-01-04T12:00:00Z',
      '2026-01-04T10:00:00.000Z',
      '2026-01-11T10:00:00.000Z',
    ],
    ['0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z', '2024-02-29T00:00:00.000Z', '2028-02-29T00:00:00.000Z'],
    ['0 0 29 2 *', 'UTC', '2100-01-01T00:00:00Z', '2096-02-29T00:00:00.000Z', '2104-02-29T00:00:00.000Z'],
    // A 29 February that is a Sunday or a Thursday: the step begins with a star, so both fields count.
    ['0 0 29 2 */4', 'UTC', '2097-01-01T00:00:00Z', '2088-02-29T00:00:00.000Z', '2120-02-29T00:00:00.000Z'],
  ])('%s in %s at %s', (expression, zone, now, latest, next) => {
    expect(formatInstant(latestSlot(cron(expression, zone), parseInstant(now)) ?? instant(0))).toBe(latest);
    expect(formatInstant(nextSlot(cron(expression, zone), parseInstant(now)) ?? instant(0))).toBe(next);
  });

  test('that never fires has no slot', () => {
    expect(latestSlot(cron('0 0 31 2 *'), parseInstant('2026-01-01T00:00:00Z'))).toBeUndefined();
    expect(nextSlot(cron('0 0 31 2 *', 'Europe/Berlin'), parseInstant('2026-01-01T00:00:00Z'))).toBeUndefined();
  });
});

describe('the days on which clocks change', () => {
  test.each([
    // Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00Z.
    [
      'skipped time fires after the gap',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-27T12:00:00Z',
      '2026-03-30T12:00:00Z',
      ['2026-03-28T01:30Z', '2026-03-29T01:00Z', '2026-03-30T00:30Z'],
    ],
    [
      'skipped times collapse',
      '0,20,40 2,3 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00:00Z',
      '2026-03-29T12:00:00Z',
      ['2026-03-29T01:00Z', '2026-03-29T01:20Z', '2026-03-29T01:40Z'],
    ],
    [
      'the last minute before the gap',
      '59 1 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00:00Z',
      '2026-03-29T12:00:00Z',
      ['2026-03-29T00:59Z'],
    ],
    [
      'every half hour over the gap',
      '*/30 * * * *',
      'Europe/Berlin',
      '2026-03-29T00:00:00Z',
      '2026-03-29T02:00:00Z',
      ['2026-03-29T00:30Z', '2026-03-29T01:00Z', '2026-03-29T01:30Z', '2026-03-29T02:00Z'],
    ],
    // Berlin, 25 October 2026: 03:00 becomes 02:00 at 01:00Z.
    [
      'doubled time fires once',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-23T12:00:00Z',
      '2026-10-26T12:00:00Z',
      ['2026-10-24T00:30Z', '2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ],
    [
      'every half hour goes on',
      '*/30 * * * *',
      'Europe/Berlin',
      '2026-10-24T23:30:00Z',
      '2026-10-25T02:00:00Z',
      ['2026-10-25T00:00Z', '2026-10-25T00:30Z', '2026-10-25T01:00Z', '2026-10-25T01:30Z', '2026-10-25T02:00Z'],
    ],
    [
      'every second hour is a list of fixed times',
      '0 */2 * * *',
      'Europe/Berlin',
      '2026-10-24T21:00:00Z',
      '2026-10-25T04:00:00Z',
      ['2026-10-24T22:00Z', '2026-10-25T00:00Z', '2026-10-25T03:00Z'],
    ],
    // New York, 8 March 2026: 02:00 becomes 03:00 at 07:00Z; 1 November 2026: 02:00 becomes 01:00 at 06:00Z.
    [
      'New York, spring',
      '15 2 * * *',
      'America/New_York',
      '2026-03-07T12:00:00Z',
      '2026-03-09T12:00:00Z',
      ['2026-03-08T07:00Z', '2026-03-09T06:15Z'],
    ],
    [
      'New York, autumn',
      '15 1 * * *',
      'America/New_York',
      '2026-10-31T12:00:00Z',
      '2026-11-02T12:00:00Z',
      ['2026-11-01T05:15Z', '2026-11-02T06:15Z'],
    ],
    // Lord Howe moves by half an hour. 4 October 2026: 02:00 becomes 02:30 at 3 October 15:30Z; 5 April 2026: 02:00 becomes 01:30 at 4 April 15:00Z.
    [
      'Lord Howe, spring',
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-02T12:00:00Z',
      '2026-10-04T16:00:00Z',
      ['2026-10-02T15:45Z', '2026-10-03T15:30Z', '2026-10-04T15:15Z'],
    ],
    [
      'Lord Howe, autumn',
      '45 1 * * *',
      'Australia/Lord_Howe',
      '2026-04-03T12:00:00Z',
      '2026-04-05T16:00:00Z',
      ['2026-04-03T14:45Z', '2026-04-04T14:45Z', '2026-04-05T15:15Z'],
    ],
    [
      'Lord Howe, autumn, every hour',
      '45 * * * *',
      'Australia/Lord_Howe',
      '2026-04-04T14:00:00Z',
      '2026-04-04T16:30:00Z',
      ['2026-04-04T14:45Z', '2026-04-04T15:15Z', '2026-04-04T16:15Z'],
    ],
    // Havana: midnight itself is skipped (8 March 2026, 05:00Z) and doubled (1 November 2026, 01:00 becomes 00:00 at 05:00Z).
    [
      'Havana, skipped midnight',
      '0 0 * * *',
      'America/Havana',
      '2026-03-07T12:00:00Z',
      '2026-03-09T12:00:00Z',
      ['2026-03-08T05:00Z', '2026-03-09T04:00Z'],
    ],
    [
      'Havana, doubled midnight',
      '0 0 * * *',
      'America/Havana',
      '2026-10-31T12:00:00Z',
      '2026-11-02T12:00:00Z',
      ['2026-11-01T04:00Z', '2026-11-02T05:00Z'],
    ],
    // Samoa had no 30 December 2011.
    [
      'Apia, a skipped day',
      '0 12 30 12 *',
      'Pacific/Apia',
      '2011-01-01T00:00:00Z',
      '2012-01-01T00:00:00Z',
      ['2011-12-30T10:00Z'],
    ],
  ])('%s', (_name, expression, zone, from, to, expected) => {
    expect(slots(cron(expression, zone), from, to)).toEqual(expected);
  });
});

const every = (text: string, at: string): Schedule => ({
  kind: 'every',
  every: parseDuration(text),
  at: parseDuration(at),
});

describe('a grid', () => {
  test.each([
    ['6h', '90m', '2026-01-01T00:00:00Z', '2025-12-31T19:30:00.000Z', '2026-01-01T01:30:00.000Z'],
    ['6h', '90m', '2026-01-01T01:30:00Z', '2026-01-01T01:30:00.000Z', '2026-01-01T07:30:00.000Z'],
    // PGHoard fires a 48 hour interval every 24 hours, because it starts its grid anew each day.
    ['48h', '2h', '2026-01-02T12:00:00Z', '2026-01-01T02:00:00.000Z', '2026-01-03T02:00:00.000Z'],
    ['90m', '0s', '2026-01-01T01:00:00Z', '2026-01-01T00:00:00.000Z', '2026-01-01T01:30:00.000Z'],
    ['1d', '2h', '1969-12-31T00:00:00Z', '1969-12-30T02:00:00.000Z', '1969-12-31T02:00:00.000Z'],
  ])('every %s at %s, seen at %s', (step, at, now, latest, next) => {
    expect(formatInstant(latestSlot(every(step, at), parseInstant(now)) ?? instant(0))).toBe(latest);
    expect(formatInstant(nextSlot(every(step, at), parseInstant(now)) ?? instant(0))).toBe(next);
  });

  test('of zero never fires', () => {
    expect(nextSlot(every('0s', '0s'), instant(0))).toBeUndefined();
    expect(latestSlot(every('0s', '0s'), instant(0))).toBeUndefined();
  });
});

test.each([
  ['UTC', true],
  ['Europe/Berlin', true],
  ['america/new_york', true],
  ['Mars/Olympus', false],
  ['', false],
])('the zone "%s" is valid: %s', (zone, valid) => {
  expect(validTimeZone(zone)).toBe(valid);
});

const someField = (low: number, high: number): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant('*') },
    { weight: 3, arbitrary: fc.integer({ min: low, max: high }).map(String) },
    { weight: 1, arbitrary: fc.integer({ min: 2, max: 20 }).map((step) => `*/${Math.min(step, high)}`) },
    fc
      .tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }))
      .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
  );
const someCron = fc
  .tuple(someField(0, 59), someField(0, 23), someField(1, 28), someField(1, 12), someField(0, 6))
  .map((fields) => fields.join(' '));
const someZone = fc.constantFrom(
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'America/Havana',
);
const someMoment = fc.integer({ min: Date.UTC(2015, 0, 1), max: Date.UTC(2045, 0, 1) }).map(instant);
const someSchedule = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(someCron, someZone).map(([text, zone]) => cron(text, zone)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 1000, max: 1e9 }), fc.integer({ min: 0, max: 86_400_000 }))
      .map(([every, at]): Schedule => ({ kind: 'every', every: durationOf(every), at: durationOf(at) })),
  },
);

const numRuns = Number(process.env['HOARD_CASES'] ?? 300);

test('latestSlot ≤ now < nextSlot, and no slot lies between', { timeout: 60_000 + numRuns * 5 }, () => {
  fc.assert(
    fc.property(someSchedule, someMoment, (schedule, now) => {
      const latest = latestSlot(schedule, now) ?? Number.NaN;
      const next = nextSlot(schedule, now) ?? Number.NaN;
      expect(latest).toBeLessThanOrEqual(now);
      expect(next).toBeGreaterThan(now);
      expect(nextSlot(schedule, instant(latest))).toBe(next);
      expect(latestSlot(schedule, instant(next - 1))).toBe(latest);
      expect(latestSlot(schedule, instant(next))).toBe(next);
    }),
    { numRuns },
  );
});

describe('node-cron as an independent judge', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  // node-cron reads the clock itself, so time is faked; days with a change of clocks are judged by hand above, because
  // its rule differs (the repeated hour runs once even for every-minute schedules), and so does its rule for two day fields.
  test('agrees on the next run', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    fc.assert(
      fc.property(someCron, someZone, someMoment, (text, zone, now) => {
        const [minute, hour, day, month] = text.split(' ');
        const expression = `${minute} ${hour} ${day} ${month} *`;
        const next = nextSlot(cron(expression, zone), now) ?? Number.NaN;
        fc.pre(!clocksChange(zone, now, next));
        vi.setSystemTime(now);
        const task = createTask(expression, () => undefined, { timezone: zone });
        expect(task.getNextRuns(1)[0]?.getTime()).toBe(next);
        expect(task.match(new Date(next))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

function clocksChange(zone: string, from: number, to: number): boolean {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  const offset = (at: number): string => format.format(at).split(' ').at(-1) ?? '';
  return offset(from - 3 * 86_400_000) !== offset(to + 3 * 86_400_000) || to - from > 100 * 86_400_000;
}
