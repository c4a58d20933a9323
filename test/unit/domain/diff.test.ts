import { describe, expect, test } from 'vitest';
import { bytesOf } from '../../../src/domain/bytes.ts';
import { canonicalText } from '../../../src/domain/canonical.ts';
import { type DesiredSite, repositoryName } from '../../../src/domain/desired.ts';
import { diff } from '../../../src/domain/diff.ts';
import { durationOf } from '../../../src/domain/duration.ts';
import { lsn } from '../../../src/domain/lsn.ts';
import { backupId, type ObservedSite, systemIdentifier } from '../../../src/domain/observed.ts';
import { makePlan, type PlannedAction } from '../../../src/domain/plan.ts';
import { timelineId } from '../../../src/domain/timeline.ts';
import { type BackupSketch, history, hour, repository, segments } from '../../support/observed-repository.ts';
import { cluster, declared, MAIN, seen } from '../../support/observed-site.ts';

// The schedule of `declared` is 02:00 in Berlin: 01:00Z, hours 1, 25, 49, 73 … of the sketches.
function plan(site: DesiredSite, observed: ObservedSite, now: number): readonly PlannedAction[] {
  return makePlan([diff(site, observed, hour(now))], hour(now)).actions;
}
const ids = (actions: readonly PlannedAction[]): readonly string[] => actions.map(({ id }) => id);
const blockers = (actions: readonly PlannedAction[], start: string): readonly string[] =>
  actions.filter(({ id }) => id.startsWith(start)).flatMap(({ blockedBy }) => blockedBy.map(({ code }) => code));

/** Backups at the given hours with all WAL from the first one's start. */
const held = (...times: readonly number[]) =>
  repository({
    backups: times.map((time): BackupSketch => ({ start: time, stop: time + 0.5, time })),
    wal: { 1: segments(times[0] ?? 0, (times.at(-1) ?? 0) + 1) },
  });

describe('backup.take', () => {
  test('the first one', () => {
    const [action, ...others] = plan(declared(), seen({ main: repository({}) }), 30);
    expect(others).toEqual([]);
    expect(action).toMatchObject({
      id: 'backup.take:orders:main:first',
      risk: 'additive',
      reasonCode: 'no-backup',
      reason: 'repository "main" holds no backup of the site',
      estimate: { bytes: 1_000_000_000, requests: 21 },
      blockedBy: [],
      work: { kind: 'backup.take', slot: undefined },
    });
  });

  test.each([
    ['nothing is due before the slot', [26], 48.9, []],
    ['at the slot', [26], 49, ['backup.take:orders:main:due']],
    ['missed slots collapse into one', [26], 300, ['backup.take:orders:main:due']],
    ['a backup that began at the slot does', [25, 49], 72.9, []],
    ['one dated in the future does not hold the next back', [26, 500], 60, ['backup.take:orders:main:due']],
  ])('%s', (_name, times, now, expected) => {
    expect(ids(plan(declared(), seen({ main: held(...times) }), now))).toEqual(expected);
  });

  test('is the same action after another slot has come, and another one after a backup', () => {
    const [planned, later, after] = [
      [[26], 49],
      [[26], 97],
      [[26, 50], 97],
    ].map(([times, now]) => plan(declared(), seen({ main: held(...(times as number[])) }), now as number)[0]);
    expect(later).toMatchObject({ id: planned?.id, inputs: planned?.inputs });
    expect(later?.reason).toMatch(/^a backup was due at 2026-01-05T01:00:00/);
    expect(after).toMatchObject({ id: planned?.id });
    expect(after?.inputs).not.toBe(planned?.inputs);
  });

  test('a finding says where PostgreSQL counts as archived what no repository has', () => {
    const observed = seen({ main: held(26), cluster: cluster({}, { lastArchived: '00000001000000000000001C' }) });
    expect(diff(declared(), observed, hour(30)).site.findings).toEqual([
      expect.stringMatching(/^PostgreSQL counts 00000001000000000000001C as archived, but "main" does not hold it/),
    ]);
  });

  test('without a schedule only on request, and a finding says so', () => {
    const { actions, site } = diff(
      declared({ backup: { schedule: undefined } }),
      seen({ main: repository({}) }),
      hour(30),
    );
    expect(actions).toEqual([]);
    expect(site).toMatchObject({ converged: true, findings: [expect.stringContaining('hoard backup take orders')] });
  });

  describe('instead of one that cannot be restored', () => {
    const lacking = repository({
      backups: [{ start: 26, stop: 28, time: 26 }],
      wal: { 1: [...segments(26, 26), ...segments(28, 30)] },
    });
    const take = ['backup.take:orders:main:instead-of-b26'];

    test.each([
      ['a segment was passed over', seen({ main: lacking }), 30, take],
      ['it may be on its way: the hole is young', seen({ main: lacking }), 26.1, []],
      [
        'it still waits on the host',
        seen({ main: lacking, host: { ready: ['00000001000000000000001B'] } }),
        30,
        ['wal.archive:orders:main'],
      ],
      ['it does not wait on the host', seen({ main: lacking, host: { ready: [] } }), 30, take],
      ['the host is unknown', seen({ main: lacking, host: 'unknown' }), 30, []],
      [
        'the WAL has simply not come yet',
        seen({ main: repository({ backups: [{ start: 26, stop: 28, time: 26 }], wal: { 1: segments(26, 26) } }) }),
        30,
        [],
      ],
      ['a pack is missing', seen({ main: { ...held(26), packs: [] } }), 30, take],
      ['a pack is missing of a young one: no pack comes later', seen({ main: { ...held(26), packs: [] } }), 26.6, take],
    ])('%s', (_name, observed, now, expected) => {
      expect(ids(plan(declared(), observed, now))).toEqual(expected);
    });
  });

  describe('where a hole after the newest makes all later WAL useless', () => {
    const holed = repository({
      backups: [{ start: 26, stop: 26.5, time: 26 }],
      wal: { 1: [...segments(26, 27), ...segments(29, 30)] },
    });
    const take = ['backup.take:orders:main:after-00000001000000000000001C'];

    test.each([
      ['the hole was passed long ago', seen({ main: holed }), 30, take],
      ['it may be on its way: the hole is young', seen({ main: holed }), 29.1, []],
      [
        'it still waits',
        seen({ main: holed, host: { ready: ['00000001000000000000001C'] } }),
        30,
        ['wal.archive:orders:main'],
      ],
      ['the host is unknown', seen({ main: holed, host: 'unknown' }), 30, []],
      [
        'a newer backup has begun behind it',
        seen({
          main: repository({
            backups: [
              { start: 26, stop: 26.5, time: 26 },
              { start: 29, stop: 29.5, time: 29 },
            ],
            wal: { 1: [...segments(26, 27), ...segments(29, 30)] },
          }),
        }),
        32,
        [],
      ],
    ])('%s', (_name, observed, now, expected) => {
      expect(ids(plan(declared(), observed, now))).toEqual(expected);
    });
  });

  test('when the cluster went over to a timeline to which no backup leads', () => {
    const main = { ...held(26), histories: new Map([[timelineId(2), history(2, [1, 20.5])]]) };
    const [action] = plan(declared(), seen({ main, cluster: cluster({ timeline: timelineId(2) }) }), 30);
    expect(action).toMatchObject({
      id: 'backup.take:orders:main:timeline-2',
      reasonCode: 'timeline-unreachable',
    });
    const connected = { ...held(26), histories: new Map([[timelineId(2), history(2, [1, 27.5])]]) };
    expect(plan(declared(), seen({ main: connected, cluster: cluster({ timeline: timelineId(2) }) }), 30)).toEqual([]);
    expect(plan(declared(), seen({ main: held(26), cluster: cluster({ timeline: timelineId(2) }) }), 30)).toEqual([]);
  });

  test.each<[string, DesiredSite, ObservedSite, readonly string[]]>([
    ['an unknown cluster', declared(), seen({ main: repository({}), cluster: undefined }), ['unknown-cluster']],
    [
      'a foreign cluster',
      declared(),
      seen({ main: repository({}), cluster: cluster({ systemIdentifier: systemIdentifier('9') }) }),
      ['foreign-cluster'],
    ],
    [
      'archive_mode off',
      declared(),
      seen({ main: repository({}), cluster: cluster({}, { mode: 'off', configured: false }) }),
      ['archiving-off'],
    ],
    [
      'no archive_command',
      declared(),
      seen({ main: repository({}), cluster: cluster({}, { configured: false }) }),
      ['archiving-off'],
    ],
    [
      'no archiving needed',
      declared({ wal: { method: 'none' } }),
      seen({ main: repository({}), cluster: cluster({}, { mode: 'off' }) }),
      [],
    ],
    [
      'only a standby answers, whose own setting says nothing',
      declared({ backup: { from: 'prefer-standby' } }),
      seen({ main: repository({}), cluster: cluster({ role: 'standby' }, { mode: 'off' }) }),
      ['unknown-cluster'],
    ],
    [
      'only a standby answers',
      declared({ backup: { from: 'primary' } }),
      seen({ main: repository({}), cluster: cluster({ role: 'standby' }) }),
      ['unknown-cluster'],
    ],
    ['method local', declared({ backup: { method: 'local' } }), seen({ main: repository({}) }), ['unsupported']],
    ['method sql', declared({ backup: { method: 'sql' } }), seen({ main: repository({}) }), ['unsupported']],
    ['from standby', declared({ backup: { from: 'standby' } }), seen({ main: repository({}) }), ['unsupported']],
    ['wal stream', declared({ wal: { method: 'stream' } }), seen({ main: repository({}) }), ['unsupported']],
    [
      'wal pg-receivewal',
      declared({ wal: { method: 'pg-receivewal' } }),
      seen({ main: repository({}) }),
      ['unsupported'],
    ],
    ['mode detect', declared({}, { mode: 'detect' }), seen({ main: repository({}) }), ['detect-only']],
    ['mode suspended', declared({}, { mode: 'suspended' }), seen({ main: repository({}) }), ['detect-only']],
  ])('guard: %s', (_name, site, observed, expected) => {
    expect(blockers(plan(site, observed, 30), 'backup.take')).toEqual(expected);
  });

  test('a guard names the setting to change', () => {
    const [action] = plan(declared(), seen({ main: repository({}), cluster: cluster({}, { mode: 'off' }) }), 30);
    expect(action?.blockedBy[0]?.message).toContain('set archive_mode = on and archive_command');
  });

  test('what an action rests on does not change with the WAL position', () => {
    const inputs = (at: bigint) =>
      plan(declared(), seen({ main: held(26), cluster: cluster({ currentLsn: lsn(at) }) }), 49)[0]?.inputs;
    expect(inputs(1n)).toBe(inputs(2n));
    expect(inputs(1n)).toContain('"newest":"b26"');
  });
});

describe('wal.archive', () => {
  const names = [
    '0000000100000000000000FF',
    '00000001000000000000001A',
    '00000001000000000000001C.partial',
    '00000001000000000000001A.00000028.backup',
    '00000002.history',
    'not-wal',
  ];

  test('files that are ready and missing', () => {
    const [action] = plan(declared(), seen({ main: held(26), host: { ready: names } }), 30);
    expect(action).toMatchObject({
      id: 'wal.archive:orders:main',
      reasonCode: 'wal-ready',
      reason: 'PostgreSQL has 4 WAL files ready that repository "main" does not hold',
      target: '4 files from 0000000100000000000000FF',
      estimate: { bytes: 16 * 1024 * 1024 },
      blockedBy: [],
    });
    expect(action?.work).toEqual({ kind: 'wal.archive', files: [names[0], names[2], names[3], names[4]] });
  });

  test('nothing where all are stored, archiving is not by command, or the queue is unknown', () => {
    const stored = {
      ...held(26),
      otherWalFiles: new Set(names.slice(2, 4)),
      histories: new Map([[timelineId(2), history(2, [1, 5])]]),
    };
    expect(plan(declared(), seen({ main: stored, host: { ready: names.slice(1) } }), 30)).toEqual([]);
    expect(plan(declared({ wal: { method: 'none' } }), seen({ main: held(26), host: { ready: names } }), 30)).toEqual(
      [],
    );
    expect(plan(declared(), seen({ main: held(26), host: 'unknown' }), 30)).toEqual([]);
  });

  test('an unknown repository blocks it', () => {
    const actions = plan(declared(), seen({ host: { ready: names } }), 30);
    expect(ids(actions)).toEqual(['wal.archive:orders:main']);
    expect(blockers(actions, 'wal.archive')).toEqual(['unknown-repository']);
  });

  test('a name that does not fit the segment size is tried, not a crash', () => {
    const main = { ...held(26), wal: new Map([[timelineId(1), segments(26, 27)]]) };
    const actions = plan(declared(), seen({ main, host: { ready: ['000000010000000000000FFF'] } }), 30);
    expect(ids(actions)).toEqual(['wal.archive:orders:main']);
  });
});

describe('prune', () => {
  const four = held(2, 26, 50, 74);
  const site = (retention: Parameters<typeof declared>[0] = {}) => declared(retention);

  test('index before data: backups, then WAL, then packs', () => {
    const actions = plan(site(), seen({ main: four }), 80);
    expect(ids(actions)).toEqual([
      'backup.prune:orders:main:b2',
      'backup.prune:orders:main:b26',
      'wal.prune:orders:main:000000010000000000000002-000000010000000000000031',
      'orphan.remove:orders:main:freed',
    ]);
    const prunes = ids(actions).slice(0, 2);
    expect(actions.map(({ dependsOn }) => dependsOn)).toEqual([[], [], prunes, prunes]);
    expect(actions.map(({ risk }) => risk)).toEqual(Array(4).fill('destructive'));
    expect(actions[0]).toMatchObject({
      reasonCode: 'retention',
      reason: 'no rule keeps it',
      estimate: { bytes: 100 },
      target: 'b2',
    });
    expect(actions[2]?.reason).toBe(
      'no backup that is kept, nor the window, needs these 48 segments of timeline 00000001',
    );
  });

  test('the recovery window before and after', () => {
    const { recoveryWindow } = diff(site(), seen({ main: four }), hour(80)).site;
    expect(recoveryWindow.before.get(MAIN)?.map(({ backups }) => backups)).toEqual([['b2', 'b26', 'b50', 'b74']]);
    expect(recoveryWindow.after.get(MAIN)?.map(({ backups }) => backups)).toEqual([['b50', 'b74']]);
  });

  test('the budget lets the oldest go first, and one at least; WAL of the others waits', () => {
    const actions = plan(site({ retention: { budget: { percent: 1 } } }), seen({ main: four }), 80);
    expect(blockers(actions, 'backup.prune:orders:main:b2')).toEqual(['budget']);
    expect(actions.find(({ id }) => id.endsWith(':b2'))?.blockedBy).toEqual([]);
    expect(ids(actions).filter((id) => id.startsWith('wal'))).toEqual([
      'wal.prune:orders:main:000000010000000000000002-000000010000000000000019',
      'wal.prune:orders:main:00000001000000000000001B-000000010000000000000031',
    ]);
  });

  test.each([
    [1, 1],
    [10, 1],
    [29, 2],
    [50, 5],
    [100, 8],
  ])('a budget of %i %% of ten backups, of which eight are to go, lets %i go', (percent, count) => {
    const ten = held(2, 3, 4, 5, 6, 7, 8, 9, 50, 74);
    const actions = plan(site({ retention: { budget: { percent } } }), seen({ main: ten }), 80);
    const running = actions.filter(({ work, blockedBy }) => work.kind === 'backup.prune' && blockedBy.length === 0);
    expect(running.map(({ target }) => target)).toEqual(ten.backups.slice(0, count).map(({ id }) => id));
  });

  test('confirm waits for approval, never plans nothing and says what stays', () => {
    const confirm = plan(site({ retention: { prune: 'confirm' } }), seen({ main: four }), 80);
    expect(new Set(confirm.flatMap(({ blockedBy }) => blockedBy.map(({ code }) => code)))).toEqual(
      new Set(['needs-approval']),
    );
    expect(confirm.every(({ blockedBy }) => blockedBy.length === 1)).toBe(true);
    const never = diff(site({ retention: { prune: 'never' } }), seen({ main: four }), hour(80));
    expect(never.actions).toEqual([]);
    expect(never.site.converged).toBe(true);
    expect(never.site.findings).toEqual([
      'in repository "main" no rule keeps 2 backups and 1 stretch of WAL; retention.prune is never, so they stay',
    ]);
  });

  test('an unreadable backup, an unknown cluster, a foreign one stop all of it', () => {
    const unreadable = { ...four, unreadableBackups: [{ id: backupId('x'), reason: 'not JSON' }] };
    for (const [observed, code] of [
      [seen({ main: unreadable }), 'unreadable-backup'],
      [seen({ main: four, cluster: undefined }), 'unknown-cluster'],
      [seen({ main: four, cluster: cluster({ systemIdentifier: systemIdentifier('9') }) }), 'foreign-cluster'],
    ] as const) {
      const actions = plan(site(), observed, 80).filter(({ risk }) => risk === 'destructive');
      expect(actions.map(({ blockedBy }) => blockedBy.map((blocker) => blocker.code))).toEqual(
        Array.from({ length: 4 }, () => [code]),
      );
    }
  });

  test('a plan that takes a backup leaves the packs that its prunes set free to the next one', () => {
    const actions = plan(site(), seen({ main: four }), 100);
    expect(ids(actions).map((id) => id.split(':')[0])).toEqual([
      'backup.take',
      'backup.prune',
      'backup.prune',
      'wal.prune',
    ]);
  });
});

describe('orphan.remove', () => {
  const loose = { backup: backupId('dead'), number: 3, size: bytesOf(7), storedAt: hour(1) };
  const stray = { key: 'backups/dead/manifest.ndjson.zst', size: bytesOf(5), storedAt: hour(1) };

  test('leftovers of interrupted work go at once, whatever prune says', () => {
    const main = { ...held(26), packs: [...held(26).packs, loose], strays: [stray] };
    for (const prune of ['auto', 'confirm', 'never'] as const) {
      const actions = plan(declared({ retention: { prune } }), seen({ main }), 30);
      expect(ids(actions)).toEqual(['orphan.remove:orders:main:leftovers']);
      expect(actions[0]).toMatchObject({
        target: '2 objects',
        reason: 'no backup refers to these 2 objects',
        blockedBy: [],
        dependsOn: [],
        estimate: { bytes: 12 },
        work: { packs: [{ backup: 'dead', number: 3 }], keys: [stray.key] },
      });
    }
  });

  test('an encrypted pack is named as what it is, since its key says so', () => {
    const encrypted = { ...loose, number: 4, encrypted: true };
    const main = { ...held(26), packs: [...held(26).packs, encrypted, loose] };
    const [action] = plan(declared(), seen({ main }), 30);
    expect(action?.work).toEqual({
      kind: 'orphan.remove',
      packs: [
        { backup: 'dead', number: 3 },
        { backup: 'dead', number: 4, encrypted: true },
      ],
      keys: [],
    });
  });

  test('where a listing may be late, leftovers go only after a day', () => {
    const fresh = { ...loose, storedAt: hour(29) };
    const main = { ...held(26), packs: [...held(26).packs, fresh], strays: [stray] };
    const late = { ...main, lateListing: true };
    expect(plan(declared(), seen({ main }), 30)[0]?.target).toBe('2 objects');
    expect(plan(declared(), seen({ main: late }), 30)[0]?.work).toMatchObject({ packs: [], keys: [stray.key] });
  });

  test('what the store keeps locked is not planned to go, but told', () => {
    const main = {
      ...held(26),
      packs: [...held(26).packs, loose],
      strays: [stray],
      lockedFor: durationOf(40 * 3_600_000),
    };
    const locked = diff(declared(), seen({ main }), hour(30));
    expect(locked.actions).toEqual([]);
    expect(locked.site.findings).toEqual([
      'in repository "main" no rule keeps 2 objects that no backup refers to, which the store keeps locked until 2026-01-02T17:00:00.000Z: removed when the lock has ended',
    ]);
    expect(ids(plan(declared(), seen({ main }), 42))).toEqual(['orphan.remove:orders:main:leftovers']);
  });

  test('a pack that an unreadable backup may name does not go', () => {
    const main = {
      ...held(26),
      packs: [...held(26).packs, loose],
      unreadableBackups: [{ id: backupId('dead'), reason: 'not JSON' }],
    };
    expect(blockers(plan(declared(), seen({ main }), 30), 'orphan')).toEqual(['unreadable-backup']);
  });

  test('a pack of a removed backup that a kept one names stays', () => {
    const main = repository({
      backups: [
        {
          start: 2,
          stop: 2.5,
          time: 2,
          packs: [
            ['b2', 0],
            ['b2', 1],
          ],
        },
        { start: 26, stop: 26.5, time: 26, packs: [['b2', 1]] },
        { start: 50, stop: 50.5, time: 50 },
      ],
      wal: { 1: segments(2, 52) },
    });
    const freed = plan(declared(), seen({ main }), 60).find(({ work }) => work.kind === 'orphan.remove');
    expect(freed?.work).toMatchObject({ packs: [{ backup: 'b2', number: 0 }] });
  });
});

describe('what is known', () => {
  test('a converged site', () => {
    expect(diff(declared(), seen({ main: held(26) }), hour(30)).site).toMatchObject({ converged: true, findings: [] });
  });

  test.each<[string, ObservedSite, string]>([
    ['cluster', seen({ main: held(26), cluster: undefined }), 'the cluster could not be observed: connection refused'],
    ['repository', seen({}), 'repository "main" could not be observed: connection refused'],
    [
      'host',
      seen({ main: held(26), host: 'unknown' }),
      'the archive queue on this host could not be observed: connection refused',
    ],
  ])('an unknown %s is no converged site', (_name, observed, finding) => {
    const { site, actions } = diff(declared(), observed, hour(30));
    expect(site).toMatchObject({ converged: false, findings: [finding] });
    expect(actions.filter(({ blockedBy }) => blockedBy.length === 0)).toEqual([]);
  });

  test('a repository that was not looked at', () => {
    const { site } = diff(
      declared({}, { repositories: [MAIN, repositoryName('offsite')] }),
      seen({ main: held(26) }),
      hour(30),
    );
    expect(site.findings).toEqual(['repository "offsite" could not be observed: it was not looked at']);
  });

  test('gaps, conflicts, unrestorable and unreadable backups, failing archiving', () => {
    const wal = [...segments(26, 28), ...segments(31, 40)].map((s) => (s.number === 35 ? { ...s, conflict: true } : s));
    const main = {
      ...repository({
        backups: [
          { start: 25, stop: 26.5, time: 20 },
          { start: 26, stop: 26.5, time: 26 },
        ],
        wal: { 1: wal },
      }),
      unreadableBackups: [{ id: backupId('x'), reason: 'not JSON' }],
    };
    const failing = cluster({}, { failing: true, failedCount: 7, lastFailed: '00000001000000000000001D' });
    const { findings } = diff(declared(), seen({ main, cluster: failing }), hour(30)).site;
    expect(findings).toEqual([
      "archiving fails at 00000001000000000000001D; 7 failures since the statistics were reset: see the server's log",
      'backup x in "main" cannot be read: not JSON',
      'backup b20 in "main" cannot be restored: WAL segment 000000010000000000000019 is not stored',
      'WAL is missing in "main": 000000010000000000000019; backup b20 cannot be restored beyond it',
      'WAL is missing in "main": 00000001000000000000001D to 00000001000000000000001E; backup b20 cannot be restored beyond it',
      'WAL is missing in "main": 000000010000000000000023; backup b20 cannot be restored beyond it',
      '"main" holds different contents for WAL segment 000000010000000000000023; it counts as missing',
    ]);
  });
});

test('each repository is planned for itself', () => {
  const offsite = repositoryName('offsite');
  const site = declared({ retention: { window: durationOf(0) } }, { repositories: [MAIN, offsite] });
  const observed = seen({ main: held(26) });
  const both = {
    ...observed,
    repositories: new Map([
      ...observed.repositories,
      [offsite, { kind: 'known', value: repository({}), at: hour(0) }] as const,
    ]),
  };
  expect(ids(plan(site, both, 30))).toEqual(['backup.take:orders:offsite:first']);
});

describe('canonical text', () => {
  test('does not depend on the order of keys', () => {
    expect(canonicalText({ b: [1, { d: 2n, c: undefined }], a: 'x' })).toBe('{"a":"x","b":[1,{"d":"2"}]}');
    expect(canonicalText({ a: 'x', b: [1, { c: undefined, d: 2n }] })).toBe(
      canonicalText({ b: [1, { d: 2n, c: undefined }], a: 'x' }),
    );
  });
});
