import { describe, expect, test } from 'vitest';
import type { RetentionPolicy } from '../../../src/domain/desired.ts';
import { durationOf } from '../../../src/domain/duration.ts';
import { parseInstant } from '../../../src/domain/instant.ts';
import { lsn } from '../../../src/domain/lsn.ts';
import { backupId, type ObservedRepository } from '../../../src/domain/observed.ts';
import { detailRecoveryWindow } from '../../../src/domain/recovery-window.ts';
import { type BackupDecision, planRetention } from '../../../src/domain/retention.ts';
import { bucketLabel } from '../../../src/domain/retention-buckets.ts';
import { type BackupSketch, history, hour, repository, SIZE, segments } from '../../support/observed-repository.ts';

const hours = (count: number) => durationOf(count * 3_600_000);
const days = (count: number) => hours(24 * count);

type Keep = Partial<RetentionPolicy['keep']>;
function policy(given: Partial<Omit<RetentionPolicy, 'keep'>> & { readonly keep?: Keep }): RetentionPolicy {
  return {
    window: undefined,
    minimum: 1,
    maximum: undefined,
    prune: 'auto',
    budget: { percent: 50 },
    ...given,
    keep: {
      last: undefined,
      within: undefined,
      hourly: undefined,
      daily: undefined,
      weekly: undefined,
      monthly: undefined,
      yearly: undefined,
      ...given.keep,
    },
  };
}

function decide(
  observed: ObservedRepository,
  given: Parameters<typeof policy>[0],
  now: number,
): readonly BackupDecision[] {
  return planRetention({
    repository: observed,
    window: detailRecoveryWindow(observed, SIZE),
    policy: policy(given),
    now: hour(now),
  });
}

const kept = (decisions: readonly BackupDecision[]): string =>
  decisions
    .filter(({ keep }) => keep)
    .map(({ backup }) => backup.id)
    .join(' ');
const codes = (decisions: readonly BackupDecision[], id: string): string =>
  (decisions.find(({ backup }) => backup.id === id)?.reasons ?? []).map(({ code }) => code).join(' ');

/** One backup at each hour given, at the segment of that hour, and all WAL. */
function series(...times: readonly number[]): ObservedRepository {
  const last = Math.max(...times) + 2;
  return repository({
    backups: times.map((time): BackupSketch => ({ start: time, stop: time + 0.5, time })),
    wal: { 1: segments(0, last) },
  });
}

describe('each rule', () => {
  test.each<[string, Parameters<typeof policy>[0], number, string]>([
    ['no rule at all keeps everything', {}, 1000, 'b10 b20 b30 b40 b50'],
    ['last', { keep: { last: 2 } }, 1000, 'b40 b50'],
    ['last of more than there are', { keep: { last: 9 } }, 1000, 'b10 b20 b30 b40 b50'],
    ['within', { keep: { within: hours(25) } }, 55, 'b30 b40 b50'],
    ['within, long ago: the newest stays', { keep: { within: hours(25) } }, 1000, 'b50'],
    ['daily, by UTC days', { keep: { daily: 2 } }, 60, 'b40 b50'],
    ['daily of three days', { keep: { daily: 3 } }, 60, 'b20 b40 b50'],
    ['minimum', { keep: { last: 1 }, minimum: 3 }, 1000, 'b30 b40 b50'],
    ['maximum cuts what rules keep', { keep: { last: 5 }, maximum: 2 }, 1000, 'b40 b50'],
    ['maximum does not cut the minimum', { keep: { last: 5 }, maximum: 1, minimum: 3 }, 1000, 'b30 b40 b50'],
    ['maximum does not cut the window', { window: hours(35), keep: { last: 5 }, maximum: 1 }, 60, 'b20 b30 b40 b50'],
    ['maximum alone', { maximum: 2 }, 1000, 'b40 b50'],
    ['window: its anchor and what ended in it', { window: hours(20) }, 55, 'b30 b40 b50'],
    ['window that begins where a backup ended', { window: hours(15) }, 55, 'b40 b50'],
    ['window that reaches back before everything', { window: hours(100) }, 55, 'b10 b20 b30 b40 b50'],
    ['window that nothing lies in: the state at its start', { window: hours(1) }, 1000, 'b50'],
    ['window of nothing', { window: durationOf(0) }, 55, 'b50'],
    ['window and calendar', { window: hours(5), keep: { daily: 3 } }, 55, 'b20 b40 b50'],
  ])('%s', (_name, rules, now, expected) => {
    expect(kept(decide(series(10, 20, 30, 40, 50), rules, now))).toBe(expected);
  });

  test('hourly to yearly keep the newest of each, empty ones not counted', () => {
    const observed = series(1, 1.5, 2, 100, 800, 9000, 9001);
    expect(kept(decide(observed, { keep: { hourly: 2 } }, 9100))).toBe('b9000 b9001');
    expect(kept(decide(observed, { keep: { hourly: 6 } }, 9100))).toBe('b1.5 b2 b100 b800 b9000 b9001');
    expect(kept(decide(observed, { keep: { weekly: 3 } }, 9100))).toBe('b100 b800 b9001');
    expect(kept(decide(observed, { keep: { monthly: 3 } }, 9100))).toBe('b100 b800 b9001');
    expect(kept(decide(observed, { keep: { yearly: 2 } }, 9100))).toBe('b800 b9001');
  });

  test('reasons are given for keeping and for removing', () => {
    const decisions = decide(series(10, 20, 30, 40, 50), { window: hours(20), keep: { daily: 2, last: 1 } }, 55);
    expect(decisions.map(({ backup, keep, pointInTime }) => [backup.id, keep, pointInTime])).toEqual([
      ['b10', false, false],
      ['b20', false, false],
      ['b30', true, true],
      ['b40', true, true],
      ['b50', true, true],
    ]);
    expect(codes(decisions, 'b10')).toBe('expired');
    expect(codes(decisions, 'b30')).toBe('window-anchor');
    expect(codes(decisions, 'b50')).toBe('window last daily minimum newest-restorable');
    const first = decide(series(10, 20), { keep: { last: 5 }, maximum: 1 }, 55)[0];
    expect(first?.reasons.map(({ text }) => text)).toEqual([
      'more than the maximum of 1 backups',
      'it is number 2 of the last 5',
    ]);
  });

  test('without a window every kept backup can be replayed from; with one only what lies in it', () => {
    const long = decide(series(10, 20, 30), { keep: { last: 3 } }, 1000);
    expect(long.map(({ pointInTime }) => pointInTime)).toEqual([true, true, true]);
    const short = decide(series(10, 20, 30), { keep: { last: 3 }, window: hours(5) }, 40);
    expect(short.map(({ pointInTime }) => pointInTime)).toEqual([false, false, true]);
  });
});

describe('protection', () => {
  test('a hold keeps a backup until it ends', () => {
    const observed = {
      ...series(10, 20, 30),
      holds: [
        { backup: backupId('b10'), reason: 'audit', until: hour(60) },
        { backup: backupId('b20'), reason: 'law', until: undefined },
      ],
    };
    expect(kept(decide(observed, { keep: { last: 1 } }, 50))).toBe('b10 b20 b30');
    expect(kept(decide(observed, { keep: { last: 1 } }, 60))).toBe('b20 b30');
    const held = decide(observed, { keep: { last: 1 } }, 50)[0]?.reasons[0]?.text;
    expect(held).toBe('it is held until 2026-01-03T12:00:00.000Z: audit');
  });

  test('the newest proven backup stays', () => {
    const proof = { at: hour(22), durationMilliseconds: 1, reachedLsn: lsn(0n) };
    const observed = {
      ...series(10, 20, 30, 40),
      proofs: [
        { ...proof, backup: backupId('b10') },
        { ...proof, backup: backupId('b20') },
      ],
    };
    const decisions = decide(observed, { keep: { last: 1 }, maximum: 1 }, 50);
    expect(kept(decisions)).toBe('b20 b40');
    expect(codes(decisions, 'b20')).toBe('newest-proven');
  });

  test('unrestorable backups count for nothing, and stay while their WAL may come', () => {
    const observed = repository({
      backups: [10, 20, 30, 40, 50].map((time) => ({ start: time, stop: time + 0.5, time })),
      wal: { 1: [...segments(20, 21), ...segments(30, 38)] },
    });
    const decisions = decide(observed, { window: hours(16), keep: { last: 1 }, minimum: 2 }, 55);
    expect(kept(decisions)).toBe('b20 b30 b40 b50');
    expect(codes(decisions, 'b10')).toBe('unrestorable');
    expect(codes(decisions, 'b20')).toBe('minimum');
    expect(codes(decisions, 'b40')).toBe('may-become-restorable');
    expect(codes(decisions, 'b50')).toBe('may-become-restorable');
    expect(kept(decide(observed, { window: hours(15), keep: { last: 1 } }, 5000))).toBe('b30 b50');
  });

  test('a backup dated in the future does not push out the newest real one', () => {
    const decisions = decide(series(10, 20, 500), { keep: { last: 1 }, maximum: 1 }, 30);
    expect(kept(decisions)).toBe('b20 b500');
  });
});

describe('the window over timelines', () => {
  test('each line of timelines that was written in the window has its own anchor', () => {
    const observed = repository({
      backups: [
        { id: 'root', start: 1, stop: 1.5, time: 1 },
        { id: 'left', timeline: 2, start: 6, stop: 6.5, time: 6 },
        { id: 'right', timeline: 3, start: 8, stop: 8.5, time: 8 },
      ],
      wal: { 1: segments(1, 4), 2: segments(5, 40), 3: segments(5, 40) },
      histories: [history(2, [1, 5.2]), history(3, [1, 5.4])],
    });
    const decisions = decide(observed, { window: hours(20) }, 45);
    expect(kept(decisions)).toBe('left right');
    expect(codes(decisions, 'left')).toBe('window-anchor');
  });

  test('a branch that was abandoned before the window needs none', () => {
    const observed = repository({
      backups: [
        { id: 'left', timeline: 2, start: 6, stop: 6.5, time: 6 },
        { id: 'right', timeline: 3, start: 8, stop: 8.5, time: 8 },
      ],
      wal: { 2: segments(5, 20), 3: segments(5, 40) },
      histories: [history(2, [1, 5.2]), history(3, [1, 5.4])],
    });
    expect(kept(decide(observed, { window: hours(20) }, 45))).toBe('right');
  });

  test('what lies in the segment of a fork and is stored under the name of the new timeline only', () => {
    // Timeline 2 forks off at 5.8; its segment 5, stored in the window, holds what timeline 1 wrote from 5.0 on. The backup at 5.4 leads to
    // timeline 2, but to what was written before it only the older backup does. The zombie's backup is the newest before the window.
    const observed = repository({
      backups: [
        { id: 'old', start: 2, stop: 2.5, time: 2 },
        { id: 'zombie', timeline: 3, start: 6, stop: 6.5, time: 7 },
        { id: 'new', start: 5.2, stop: 5.4, time: 32 },
      ],
      wal: { 1: segments(1, 4), 2: segments(5, 9, () => 33), 3: segments(3, 8) },
      histories: [history(2, [1, 5.8]), history(3, [1, 3.5])],
    });
    const decisions = decide(observed, { window: hours(10) }, 40);
    expect(codes(decisions, 'old')).toBe('window-anchor');
    expect(kept(decisions)).toBe('old zombie new');
  });
});

test.each([
  ['2026-01-01T00:00:00Z', '2026-W01'],
  ['2027-01-01T12:00:00Z', '2026-W53'],
  ['2027-01-03T23:59:59Z', '2026-W53'],
  ['2027-01-04T00:00:00Z', '2027-W01'],
  ['2024-12-30T00:00:00Z', '2025-W01'],
  ['2026-11-22T00:00:00Z', '2026-W47'],
  ['1970-01-01T00:00:00Z', '1970-W01'],
])('%s lies in week %s', (at, week) => {
  expect(bucketLabel('weekly', parseInstant(at))).toBe(week);
});

test('a thousand backups are decided in a moment', () => {
  const observed = series(...Array.from({ length: 1000 }, (_, index) => index * 6));
  // Processor time: whatever else runs on the machine does not count.
  const before = process.cpuUsage();
  const decisions = decide(
    observed,
    { window: days(14), keep: { last: 3, daily: 7, weekly: 4, monthly: 12, yearly: 2 } },
    6000,
  );
  expect(decisions.filter(({ keep }) => keep).length).toBeGreaterThan(50);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(1000);
});
