import { describe, expect, test } from 'vitest';
import { instant } from '../../../src/domain/instant.ts';
import { type ObservedRepository, systemIdentifier } from '../../../src/domain/observed.ts';
import { computeRecoveryWindow } from '../../../src/domain/recovery-window.ts';
import { rpoSeconds } from '../../../src/domain/rpo.ts';
import { timelineId } from '../../../src/domain/timeline.ts';
import { at, history, hour, repository, SIZE, segments } from '../../support/observed-repository.ts';
import { cluster } from '../../support/observed-site.ts';

/** Hours of work that would be lost at hour 30; the cluster is far ahead of what is stored. */
const lost = (timeline: number | undefined, ...observed: readonly ObservedRepository[]): number | undefined => {
  const repositories = observed.map((held) => ({
    repository: held,
    intervals: computeRecoveryWindow(held, SIZE).intervals,
  }));
  const found = timeline === undefined ? undefined : cluster({ timeline: timelineId(timeline), currentLsn: at(1000) });
  const seconds = rpoSeconds(repositories, found, hour(30));
  return seconds === undefined ? undefined : seconds / 3600;
};

const BACKUP = { start: 2, stop: 2.5, time: 2 };

describe('what would be lost', () => {
  test.each<[string, number | undefined, readonly ObservedRepository[], number | undefined]>([
    ['of nothing', 1, [], undefined],
    ['without a backup', 1, [repository({ wal: { 1: segments(1, 9) } })], undefined],
    ['since the last segment was stored', 1, [repository({ backups: [BACKUP], wal: { 1: segments(1, 9) } })], 9],
    [
      'ends at a hole',
      1,
      [repository({ backups: [BACKUP], wal: { 1: segments(1, 9).filter((s) => s.number !== 6) } })],
      5,
    ],
    [
      'of the better of two repositories',
      1,
      [
        repository({ backups: [BACKUP], wal: { 1: segments(1, 4) } }),
        repository({ backups: [BACKUP], wal: { 1: segments(1, 9) } }),
      ],
      9,
    ],
    [
      'does not count what an abandoned branch still archives',
      2,
      [
        repository({
          backups: [BACKUP],
          wal: { 1: segments(1, 20), 2: segments(5, 9) },
          histories: [history(2, [1, 5.5])],
        }),
      ],
      9,
    ],
    [
      'counts any branch where the cluster is unknown',
      undefined,
      [repository({ backups: [BACKUP], wal: { 1: segments(1, 20) } })],
      20,
    ],
    [
      'goes by the parent until the new timeline is stored',
      2,
      [repository({ backups: [BACKUP], wal: { 1: segments(1, 4) }, histories: [history(2, [1, 5.5])] })],
      4,
    ],
    [
      'goes by any earlier timeline until the history has come',
      2,
      [repository({ backups: [BACKUP], wal: { 1: segments(1, 4) } })],
      4,
    ],
  ])('%s', (_name, timeline, observed, expected) => {
    expect(lost(timeline, ...observed)).toBe(expected === undefined ? undefined : 30 - expected);
  });

  test('nothing where the repository reaches the current position', () => {
    const held = repository({ backups: [BACKUP], wal: { 1: segments(1, 9) } });
    const found = { repository: held, intervals: computeRecoveryWindow(held, SIZE).intervals };
    expect(rpoSeconds([found], cluster({ currentLsn: at(10) }), hour(30))).toBe(0);
    expect(rpoSeconds([found], cluster({ currentLsn: at(10, 0.1) }), hour(30))).toBe(21 * 3600);
  });

  test('a standby or another cluster at the same position proves nothing', () => {
    const held = repository({ backups: [BACKUP], wal: { 1: segments(1, 9) } });
    const found = { repository: held, intervals: computeRecoveryWindow(held, SIZE).intervals };
    const standby = cluster({ role: 'standby', currentLsn: at(10) });
    expect(rpoSeconds([found], standby, hour(30))).toBe(21 * 3600);
    const other = cluster({ systemIdentifier: systemIdentifier('9'), currentLsn: at(1) });
    expect(rpoSeconds([found], other, hour(30))).toBe(21 * 3600);
  });

  test('parts of a second are rounded up, and a clock that is behind gives no negative loss', () => {
    const held = repository({ backups: [BACKUP], wal: { 1: segments(1, 9) } });
    const found = { repository: held, intervals: computeRecoveryWindow(held, SIZE).intervals };
    expect(rpoSeconds([found], undefined, instant(hour(9) + 1))).toBe(1);
    // A clock that lags behind the store's proves nothing.
    expect(rpoSeconds([found], undefined, hour(8))).toBe(1);
  });
});
