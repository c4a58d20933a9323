import { describe, expect, test } from 'vitest';
import { formatInstant } from '../../../src/domain/instant.ts';
import type { Lsn } from '../../../src/domain/lsn.ts';
import type { ObservedRepository } from '../../../src/domain/observed.ts';
import { recoveryPath } from '../../../src/domain/recovery-path.ts';
import { computeRecoveryWindow } from '../../../src/domain/recovery-window.ts';
import { timelineId } from '../../../src/domain/timeline.ts';
import { backup, history, repository, SIZE, segments } from '../../support/observed-repository.ts';

/** An LSN in segments, as the sketches write it. */
const inSegments = (at: Lsn): number => Number(at) / SIZE;

/** `1: 2.5-10 (b1 b2)` for each interval. */
function intervals(observed: ObservedRepository): readonly string[] {
  return computeRecoveryWindow(observed, SIZE).intervals.map(
    ({ timeline, fromLsn, toLsn, backups }) =>
      `${timeline}: ${inSegments(fromLsn)}-${inSegments(toLsn)} (${backups.join(' ')})`,
  );
}

function gaps(observed: ObservedRepository): readonly string[] {
  return computeRecoveryWindow(observed, SIZE).gaps.map(
    (gap) => `${gap.timeline}: ${gap.first}-${gap.last} (${gap.backup})`,
  );
}

const without = (first: number, last: number, ...lost: readonly number[]) =>
  segments(first, last).filter((segment) => !lost.includes(segment.number));
const conflicting = (first: number, last: number, conflict: number) =>
  segments(first, last).map((segment) => (segment.number === conflict ? { ...segment, conflict: true } : segment));

describe('one timeline', () => {
  test.each([
    ['nothing', {}, [], []],
    ['WAL without a backup', { wal: { 1: segments(1, 9) } }, [], []],
    [
      'a backup and all WAL',
      { backups: [{ start: 2.25, stop: 2.5, time: 2 }], wal: { 1: segments(1, 9) } },
      ['1: 2.5-10 (b2)'],
      [],
    ],
    [
      'exactly the WAL that it needs',
      { backups: [{ start: 2, stop: 4, time: 2 }], wal: { 1: segments(2, 3) } },
      ['1: 4-4 (b2)'],
      [],
    ],
    [
      'the first segment is lost',
      { backups: [{ start: 2, stop: 4, time: 2 }], wal: { 1: segments(3, 9) } },
      [],
      ['1: 2-2 (b2)'],
    ],
    ['the last has not come yet', { backups: [{ start: 2, stop: 4.5, time: 2 }], wal: { 1: segments(2, 3) } }, [], []],
    [
      'a hole behind',
      { backups: [{ start: 2, stop: 2.5, time: 2 }], wal: { 1: without(1, 9, 5, 6) } },
      ['1: 2.5-5 (b2)'],
      ['1: 5-6 (b2)'],
    ],
    [
      'a hole between two backups',
      {
        backups: [
          { start: 2, stop: 2.5, time: 2 },
          { start: 7, stop: 7.5, time: 7 },
        ],
        wal: { 1: without(1, 9, 5) },
      },
      ['1: 2.5-5 (b2)', '1: 7.5-10 (b7)'],
      ['1: 5-5 (b2)'],
    ],
    [
      'a hole before any backup',
      { backups: [{ start: 7, stop: 7.5, time: 7 }], wal: { 1: without(1, 9, 5) } },
      ['1: 7.5-10 (b7)'],
      [],
    ],
    [
      'a conflict is a hole',
      { backups: [{ start: 2, stop: 2.5, time: 2 }], wal: { 1: conflicting(1, 9, 5) } },
      ['1: 2.5-5 (b2)'],
      ['1: 5-5 (b2)'],
    ],
    [
      'two backups on one run',
      {
        backups: [
          { start: 2, stop: 2.5, time: 2 },
          { start: 5, stop: 6, time: 5 },
        ],
        wal: { 1: segments(1, 9) },
      },
      ['1: 2.5-10 (b2 b5)'],
      [],
    ],
    [
      'a backup that carries its WAL',
      { backups: [{ start: 2, stop: 3.5, time: 2, carriesWal: true }] },
      ['1: 3.5-3.5 (b2)'],
      [],
    ],
    [
      'carried WAL and an archive from its end',
      { backups: [{ start: 2, stop: 3.5, time: 2, carriesWal: true }], wal: { 1: segments(3, 5) } },
      ['1: 3.5-6 (b2)'],
      [],
    ],
    [
      'across the 4 GiB boundary',
      { backups: [{ start: 254.5, stop: 255.5, time: 2 }], wal: { 1: segments(254, 257) } },
      ['1: 255.5-258 (b2)'],
      [],
    ],
  ])('%s', (_name, sketch, expected, expectedGaps) => {
    expect(intervals(repository(sketch))).toEqual(expected);
    expect(gaps(repository(sketch))).toEqual(expectedGaps);
  });

  test.each([
    [
      'one segment',
      { start: 2, stop: 4, time: 2 },
      segments(3, 9),
      'WAL segment 000000010000000000000002 is not stored',
    ],
    [
      'some segments',
      { start: 2, stop: 7, time: 2 },
      without(1, 9, 3, 5),
      '2 WAL segments from 000000010000000000000003 to 000000010000000000000005 are not stored',
    ],
    [
      'a conflict',
      { start: 2, stop: 4, time: 2 },
      conflicting(1, 9, 3),
      'WAL segment 000000010000000000000003 is stored with different contents',
    ],
    [
      'a foreign backup',
      { start: 2, stop: 4, time: 2, system: '99' },
      segments(1, 9),
      'it was taken from system 99, the WAL stored here is of system 7123456789012345678',
    ],
  ])('an unrestorable backup says why: %s', (_name, sketch, wal, reason) => {
    expect(computeRecoveryWindow(repository({ backups: [sketch], wal: { 1: wal } }), SIZE).unrestorable).toEqual([
      { backup: 'b2', reason },
    ]);
  });

  test('times: from the stop of the backup to the storing of the last segment', () => {
    const observed = repository({
      backups: [{ start: 2, stop: 2.5, time: 2, duration: 1 }],
      wal: { 1: segments(1, 9) },
    });
    const [interval] = computeRecoveryWindow(observed, SIZE).intervals;
    expect(interval && [formatInstant(interval.fromTime), formatInstant(interval.toTime)]).toEqual([
      '2026-01-01T03:00:00.000Z',
      '2026-01-01T09:00:00.000Z',
    ]);
  });

  test('segments may come unsorted', () => {
    const observed = repository({
      backups: [{ start: 2, stop: 2.5, time: 2 }],
      wal: { 1: [...segments(1, 9)].reverse() },
    });
    expect(intervals(observed)).toEqual(['1: 2.5-10 (b2)']);
  });
});

describe('timelines', () => {
  const one = { start: 2, stop: 2.5, time: 2 };

  test.each([
    [
      'a promotion in the middle of a segment; the parent has it only as .partial',
      { backups: [one], wal: { 1: segments(1, 4), 2: segments(5, 9) }, histories: [history(2, [1, 5.5])] },
      ['1: 2.5-5.5 (b2)', '2: 5.5-10 (b2)'],
      [],
    ],
    [
      'the fork segment exists only under the name of the parent, which lived on',
      { backups: [one], wal: { 1: segments(1, 7), 2: segments(6, 9) }, histories: [history(2, [1, 5.5])] },
      ['1: 2.5-8 (b2)'],
      ['2: 5-5 (b2)'],
    ],
    [
      'a fork at a segment boundary',
      { backups: [one], wal: { 1: segments(1, 4), 2: segments(5, 9) }, histories: [history(2, [1, 5])] },
      ['1: 2.5-5 (b2)', '2: 5-10 (b2)'],
      [],
    ],
    [
      'the parent lacks a segment before the fork',
      { backups: [one], wal: { 1: segments(1, 3), 2: segments(5, 9) }, histories: [history(2, [1, 5.5])] },
      ['1: 2.5-4 (b2)'],
      ['1: 4-4 (b2)'],
    ],
    [
      'no history file: only backups taken there reach the timeline',
      { backups: [one, { timeline: 2, start: 7, stop: 8, time: 7 }], wal: { 1: segments(1, 5), 2: segments(5, 9) } },
      ['1: 2.5-6 (b2)', '2: 8-10 (b7)'],
      [],
    ],
    [
      'siblings: both branches from one parent',
      {
        backups: [one],
        wal: { 1: segments(1, 6), 2: segments(4, 8), 3: segments(6, 9) },
        histories: [history(2, [1, 4.5]), history(3, [1, 6.5])],
      },
      ['1: 2.5-7 (b2)', '2: 4.5-9 (b2)', '3: 6.5-10 (b2)'],
      [],
    ],
    [
      'the timeline forked off before the backup ended',
      { backups: [one], wal: { 1: segments(1, 6), 2: segments(2, 8) }, histories: [history(2, [1, 2.25])] },
      ['1: 2.5-7 (b2)'],
      [],
    ],
    [
      'the timeline forked off exactly where the backup ended',
      { backups: [one], wal: { 1: segments(1, 1), 2: segments(2, 8) }, histories: [history(2, [1, 2.5])] },
      ['1: 2.5-2.5 (b2)', '2: 2.5-9 (b2)'],
      [],
    ],
    [
      'the history file of the timeline between is lost: the last one tells the whole way',
      {
        backups: [one],
        wal: { 1: segments(1, 4), 2: segments(5, 7), 3: segments(8, 9) },
        histories: [history(3, [1, 5.5], [2, 8.5])],
      },
      ['1: 2.5-5.5 (b2)', '2: 5.5-8.5 (b2)', '3: 8.5-10 (b2)'],
      [],
    ],
    [
      'two promotions within one segment',
      {
        backups: [one],
        wal: { 1: segments(1, 4), 3: segments(5, 9) },
        histories: [history(2, [1, 5.25]), history(3, [1, 5.25], [2, 5.75])],
      },
      ['1: 2.5-5.25 (b2)', '2: 5.25-5.75 (b2)', '3: 5.75-10 (b2)'],
      [],
    ],
    [
      'two promotions without a change between them',
      {
        backups: [one],
        wal: { 1: segments(1, 4), 3: segments(5, 9) },
        histories: [history(2, [1, 5.25]), history(3, [1, 5.25], [2, 5.25])],
      },
      ['1: 2.5-5.25 (b2)', '3: 5.25-10 (b2)'],
      [],
    ],
    [
      'timelines beyond 9 and beyond FF',
      {
        backups: [{ ...one, timeline: 10 }],
        wal: { 10: segments(1, 4), 300: segments(5, 9) },
        histories: [history(300, [10, 5.5])],
      },
      ['10: 2.5-5.5 (b2)', '300: 5.5-10 (b2)'],
      [],
    ],
    [
      'a history whose forks go backwards is not followed',
      { backups: [one], wal: { 1: segments(1, 6), 3: segments(4, 8) }, histories: [history(3, [1, 5.5], [2, 4.5])] },
      ['1: 2.5-7 (b2)'],
      [],
    ],
  ])('%s', (_name, sketch, expected, expectedGaps) => {
    expect(intervals(repository(sketch))).toEqual(expected);
    expect(gaps(repository(sketch))).toEqual(expectedGaps);
  });

  test('a new timeline begins at the time its first segment was stored', () => {
    const observed = repository({
      backups: [one],
      wal: { 1: segments(1, 4), 2: segments(5, 9) },
      histories: [history(2, [1, 5.5])],
    });
    const { intervals: found } = computeRecoveryWindow(observed, SIZE);
    expect(found.map(({ fromTime, toTime }) => [formatInstant(fromTime), formatInstant(toTime)])).toEqual([
      ['2026-01-01T02:00:00.000Z', '2026-01-01T05:00:00.000Z'],
      ['2026-01-01T05:00:00.000Z', '2026-01-01T09:00:00.000Z'],
    ]);
  });
});

describe('recoveryPath', () => {
  const observed = repository({
    backups: [],
    wal: { 1: segments(1, 6), 2: segments(4, 8), 3: segments(6, 9) },
    histories: [history(2, [1, 4.5]), history(3, [1, 6.5])],
  });
  const way = (sketch: Parameters<typeof backup>[0], target: number) =>
    recoveryPath(observed, SIZE, backup(sketch), timelineId(target));

  test('passes from timeline to timeline', () => {
    const open = way({ start: 2, stop: 2.5, time: 2 }, 2);
    expect(open).toMatchObject({ kind: 'open', arrives: true, reach: { missing: { timeline: 2, number: 9 } } });
    expect(
      open.kind === 'open' && open.stretches.map((s) => [s.timeline, inSegments(s.fromLsn), inSegments(s.toLsn)]),
    ).toEqual([
      [1, 2.5, 4.5],
      [2, 4.5, 9],
    ]);
  });

  test.each([
    [{ start: 5, stop: 5.5, time: 5 }, 2, 'off-path', 'the way to timeline 2 leaves timeline 1 before the backup ends'],
    [
      { start: 5, stop: 5.5, time: 5, timeline: 2 },
      3,
      'off-path',
      'timeline 2 of the backup is not an ancestor of timeline 3',
    ],
    [{ start: 5, stop: 5.5, time: 5 }, 7, 'off-path', 'nothing of timeline 7 is stored'],
    [{ start: 0, stop: 2.5, time: 5 }, 1, 'inconsistent', 'WAL segment 000000010000000000000000 is not stored'],
  ])('%j to timeline %i is %s', (sketch, target, kind, reason) => {
    expect(way(sketch, target)).toMatchObject({ kind, reason: expect.stringContaining(reason) });
  });
});

test('a hundred thousand segments, a thousand backups and fifty timelines take well under a second', () => {
  const perTimeline = 2000;
  const wal: Record<number, ReturnType<typeof segments>> = {};
  const backups = [];
  const histories = [];
  for (let timeline = 1; timeline <= 50; timeline += 1) {
    wal[timeline] = segments((timeline - 1) * perTimeline, timeline * perTimeline);
    for (let n = 0; n < 20; n += 1) {
      const start = (timeline - 1) * perTimeline + n * 100 + 1;
      backups.push({ id: `b${start}`, timeline, start, stop: start + 1, time: start });
    }
    const ancestors = Array.from({ length: timeline - 1 }, (_, index): [number, number] => [
      index + 1,
      (index + 1) * perTimeline + 0.5,
    ]);
    if (timeline > 1) histories.push(history(timeline, ...ancestors));
  }
  const observed = repository({ backups, wal, histories });
  // Processor time: whatever else runs on the machine does not count.
  const before = process.cpuUsage();
  expect(computeRecoveryWindow(observed, SIZE).intervals).toHaveLength(50);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(3000);
});
