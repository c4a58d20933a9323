import { describe, expect, test } from 'vitest';
import type { ConditionType } from '../../../src/domain/condition.ts';
import { CONDITION_TYPES } from '../../../src/domain/condition.ts';
import { newestProof, siteConditions } from '../../../src/domain/conditions.ts';
import type { DesiredSite } from '../../../src/domain/desired.ts';
import { diff } from '../../../src/domain/diff.ts';
import { durationOf } from '../../../src/domain/duration.ts';
import { lsn } from '../../../src/domain/lsn.ts';
import { backupId, type ObservedRepository, type ObservedSite } from '../../../src/domain/observed.ts';
import { type BackupSketch, hour, repository, segments } from '../../support/observed-repository.ts';
import { cluster, declared, seen } from '../../support/observed-site.ts';

function conditions(desired: DesiredSite, observed: ObservedSite, now: number, configError?: string) {
  const { actions } = diff(desired, observed, hour(now));
  return siteConditions({ desired, observed, actions, now: hour(now) }, configError);
}
function state(type: ConditionType, desired: DesiredSite, observed: ObservedSite, now: number): string {
  const found = conditions(desired, observed, now).find((condition) => condition.type === type);
  return `${found?.status} ${found?.reason}`;
}
const held = (...times: readonly number[]) =>
  repository({
    backups: times.map((time): BackupSketch => ({ start: time, stop: time + 0.5, time })),
    wal: { 1: segments(times[0] ?? 0, (times.at(-1) ?? 0) + 1) },
  });
const proven = (at: number): ObservedRepository => ({
  ...held(26),
  proofs: [{ backup: backupId('b26'), at: hour(at), durationMilliseconds: 1, reachedLsn: lsn(0n) }],
});

test('a site that is as declared', () => {
  const found = conditions(declared(), seen({ main: held(26) }), 30);
  expect(found.map(({ type }) => type)).toEqual(CONDITION_TYPES);
  expect(found.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
    'Ready True AllGood',
    'Reconciling False NothingToDo',
    'Stalled False NothingBlocked',
    'ConfigValid True Valid',
    'RepositoryReachable True Listed',
    'BackupFresh True Fresh',
    'WalContinuous True Continuous',
    'RetentionSatisfied True Satisfied',
    'RestoreVerified True NotRequired',
    'StandbyInSync True NoneDeclared',
  ]);
});

describe('each condition', () => {
  const off = cluster({}, { mode: 'off' });
  const gap = {
    ...held(26),
    wal: repository({ wal: { 1: [...segments(26, 27), ...segments(29, 30)] } }).wal,
  };
  const conflict = repository({
    backups: [{ start: 26, stop: 26.5, time: 26 }],
    wal: { 1: segments(26, 28).map((segment) => ({ ...segment, conflict: segment.number === 28 })) },
  });
  const week = { objectives: { provenWithin: durationOf(7 * 86_400_000) } };

  test.each<[ConditionType, string, DesiredSite, ObservedSite, number]>([
    ['Ready', 'False NotReady', declared(), seen({ main: held(26) }), 60],
    ['Ready', 'Unknown NotObserved', declared(), seen({ main: held(26), cluster: undefined }), 30],
    ['Ready', 'False NotReady', declared(), seen({}), 30],
    ['Reconciling', 'True ActionsPending', declared(), seen({ main: held(26) }), 60],
    ['Reconciling', 'False NothingToDo', declared({}, { mode: 'detect' }), seen({ main: held(26) }), 60],
    ['Stalled', 'True NeedsAPerson', declared(), seen({ main: repository({}), cluster: off }), 30],
    [
      'Stalled',
      'True NeedsAPerson',
      declared({ retention: { prune: 'confirm' } }),
      seen({ main: held(2, 26, 50) }),
      60,
    ],
    ['Stalled', 'False NothingBlocked', declared({}, { mode: 'detect' }), seen({ main: held(26) }), 60],
    ['RepositoryReachable', 'False ListingFailed', declared(), seen({}), 30],
    ['BackupFresh', 'False NoBackup', declared(), seen({ main: repository({}) }), 30],
    ['BackupFresh', 'False Overdue', declared(), seen({ main: held(26) }), 49],
    ['BackupFresh', 'True Fresh', declared(), seen({ main: held(26) }), 48.9],
    ['BackupFresh', 'False Unrestorable', declared(), seen({ main: { ...held(26), wal: new Map() } }), 30],
    ['BackupFresh', 'Unknown NotObserved', declared(), seen({}), 30],
    [
      'BackupFresh',
      'True OnRequest',
      declared({ backup: { schedule: undefined } }),
      seen({ main: repository({}) }),
      30,
    ],
    ['BackupFresh', 'True OnRequest', declared({ backup: { schedule: undefined } }), seen({ main: held(26) }), 3000],
    ['WalContinuous', 'False Gap', declared(), seen({ main: gap }), 30],
    ['WalContinuous', 'False Conflict', declared(), seen({ main: conflict }), 30],
    ['WalContinuous', 'False ArchivingOff', declared(), seen({ main: held(26), cluster: off }), 30],
    [
      'WalContinuous',
      'False ArchivingOff',
      declared(),
      seen({ main: held(26), cluster: cluster({}, { configured: false }) }),
      30,
    ],
    [
      'WalContinuous',
      'False ArchivingFailing',
      declared(),
      seen({ main: held(26), cluster: cluster({}, { failing: true }) }),
      30,
    ],
    ['WalContinuous', 'Unknown NotObserved', declared(), seen({ main: held(26), cluster: undefined }), 30],
    [
      'WalContinuous',
      'Unknown NotObserved',
      declared(),
      seen({ main: held(26), cluster: cluster({ role: 'standby' }) }),
      30,
    ],
    [
      'WalContinuous',
      'False ArchivedElsewhere',
      declared(),
      seen({ main: held(26), cluster: cluster({}, { lastArchived: '00000001000000000000001C' }) }),
      30,
    ],
    [
      'WalContinuous',
      'False ArchivedElsewhere',
      declared(),
      seen({
        main: repository({}),
        cluster: cluster({}, { lastArchived: '000000010000000000000001.00000028.backup' }),
      }),
      30,
    ],
    [
      'WalContinuous',
      'True Continuous',
      declared(),
      seen({ main: held(26), cluster: cluster({}, { lastArchived: '00000001000000000000001B' }) }),
      30,
    ],
    [
      'WalContinuous',
      'True Continuous',
      declared(),
      seen({ main: held(26), cluster: cluster({}, { lastArchived: '00000001000000000000001B.00000028.backup' }) }),
      30,
    ],
    [
      'WalContinuous',
      'True NotArchived',
      declared({ wal: { method: 'none' } }),
      seen({ main: held(26), cluster: off }),
      30,
    ],
    ['RetentionSatisfied', 'False BelowMinimum', declared({ retention: { minimum: 2 } }), seen({ main: held(26) }), 30],
    ['RetentionSatisfied', 'False PrunePending', declared(), seen({ main: held(2, 26, 50) }), 60],
    [
      'RetentionSatisfied',
      'True WindowFilling',
      declared({ retention: { window: durationOf(7 * 86_400_000) } }),
      seen({ main: held(26) }),
      30,
    ],
    [
      'RetentionSatisfied',
      'True Satisfied',
      declared({ retention: { window: durationOf(3_600_000) } }),
      seen({ main: held(26) }),
      30,
    ],
    [
      'RetentionSatisfied',
      'Unknown UnreadableBackup',
      declared(),
      seen({ main: { ...held(26), unreadableBackups: [{ id: backupId('x'), reason: 'not JSON' }] } }),
      30,
    ],
    ['RetentionSatisfied', 'Unknown NotObserved', declared(), seen({}), 30],
    ['RestoreVerified', 'False NeverProven', declared(week), seen({ main: held(26) }), 30],
    ['RestoreVerified', 'True Proven', declared(week), seen({ main: proven(27) }), 195],
    ['RestoreVerified', 'False ProofTooOld', declared(week), seen({ main: proven(27) }), 196],
    ['RestoreVerified', 'Unknown NotObserved', declared(week), seen({}), 30],
  ])('%s is %s', (type, expected, desired, observed, now) => {
    expect(state(type, desired, observed, now)).toBe(expected);
  });

  test('ConfigValid says why the newest policies are not in force', () => {
    const found = conditions(declared(), seen({ main: held(26) }), 30, 'policies/a.yaml has 2 errors');
    expect(found.find(({ type }) => type === 'ConfigValid')).toMatchObject({
      status: 'False',
      reason: 'Invalid',
      message: 'policies/a.yaml has 2 errors',
    });
    expect(found[0]).toMatchObject({ status: 'False', message: 'not as declared: ConfigValid (Invalid)' });
  });

  test('it is said why nothing can be restored, by the newest backup', () => {
    const found = conditions(declared(), seen({ main: { ...held(26, 50), wal: new Map() } }), 60);
    expect(found.find(({ type }) => type === 'BackupFresh')?.message).toBe(
      'no backup in "main" can be restored, the newest because: WAL segment 000000010000000000000032 is not stored',
    );
  });

  test('a declared restore target is not claimed to be in step', () => {
    const [desired, observed, now] = [declared(), seen({ main: held(26) }), hour(30)];
    const found = siteConditions({ desired, observed, actions: [], now, restoreTargets: ['db3'] });
    expect(found.at(-1)).toMatchObject({
      type: 'StandbyInSync',
      status: 'Unknown',
      reason: 'NotSupported',
      message: expect.stringContaining('db3'),
    });
  });

  test('a person is told once what to do', () => {
    const found = conditions(declared({ retention: { prune: 'confirm' } }), seen({ main: held(2, 26, 50) }), 60);
    expect(found.find(({ type }) => type === 'Stalled')?.message).toBe(
      'retention.prune is confirm: somebody must approve what is removed',
    );
  });
});

test('the newest proof of all repositories', () => {
  expect(newestProof(seen({ main: proven(27) }))?.at).toBe(hour(27));
  expect(newestProof(seen({ main: held(26) }))).toBeUndefined();
  expect(newestProof(seen({}))).toBeUndefined();
});
