import { describe, expect, test } from 'vitest';
import { repositoryName } from '../../../src/domain/desired.ts';
import { isFailure } from '../../../src/domain/failure.ts';
import { backupId, type ObservedRepository } from '../../../src/domain/observed.ts';
import { timelineId } from '../../../src/domain/timeline.ts';
import { planRestore } from '../../../src/restore/preflight.ts';
import type {
  RecoveryTarget,
  RestoreRequest,
  RestoreSource,
  TimelineChoice,
} from '../../../src/restore/restore-request.ts';
import { at, history, hour, repository, segments } from '../../support/observed-repository.ts';

const seen = (name: string, value: ObservedRepository): RestoreSource => ({
  repository: repositoryName(name),
  observation: { kind: 'known', value, at: hour(100) },
});
const unseen = (name: string): RestoreSource => ({
  repository: repositoryName(name),
  observation: { kind: 'unknown', reason: 'connection refused', at: hour(100) },
});
const request = (target: RecoveryTarget, timeline: TimelineChoice = 'latest', backup?: string): RestoreRequest => ({
  target,
  timeline,
  backup: backup === undefined ? undefined : backupId(backup),
});

const latest: RecoveryTarget = { kind: 'latest' };
const time = (hours: number): RecoveryTarget => ({ kind: 'time', at: hour(hours), inclusive: true });
const lsn = (segment: number, fraction = 0): RecoveryTarget => ({
  kind: 'lsn',
  lsn: at(segment, fraction),
  inclusive: true,
});
const immediate: RecoveryTarget = { kind: 'immediate' };
const xid: RecoveryTarget = { kind: 'xid', xid: '741', inclusive: true };
const name: RecoveryTarget = { kind: 'name', name: 'before-upgrade' };

/** Three backups, WAL 1 to 40 without a hole; a segment is stored at the hour of its number. */
const simple = repository({
  backups: [
    { id: 'a', start: 2.1, stop: 2.5, time: 2 },
    { id: 'b', start: 12.1, stop: 12.5, time: 12 },
    { id: 'c', start: 30.1, stop: 31.5, time: 30, duration: 2 },
  ],
  wal: { 1: segments(1, 40) },
});

describe('one repository, one timeline', () => {
  test.each<[string, RestoreRequest, string]>([
    ['latest takes the newest backup', request(latest), 'c'],
    ['latest from a named backup', request(latest, 'latest', 'a'), 'a'],
    ['a moment takes the newest backup that ended before', request(time(20)), 'b'],
    ['a moment within a backup takes the one before', request(time(31)), 'b'],
    ['the very moment at which a backup ended', request(time(32)), 'c'],
    ['the last moment that is stored', request(time(40)), 'c'],
    ['an LSN takes the newest backup before it', request(lsn(20)), 'b'],
    ['the LSN at which a backup ended', request(lsn(12, 0.5)), 'b'],
    ['an LSN within a backup takes the one before', request(lsn(31)), 'b'],
    ['an LSN in the last segment', request(lsn(40, 0.9)), 'c'],
    ['immediate takes the newest', request(immediate), 'c'],
    ['immediate from a named one', request(immediate, 'latest', 'b'), 'b'],
    ['a transaction takes the newest', request(xid), 'c'],
    ['a restore point from a named one', request(name, 'latest', 'b'), 'b'],
  ])('%s', (_, wanted, expected) => {
    expect(planRestore([seen('main', simple)], wanted)).toMatchObject({
      backup: { id: expected },
      repository: 'main',
      timeline: 1,
    });
  });

  test.each<[string, RestoreRequest, RegExp]>([
    ['a moment beyond the stored WAL', request(time(41)), /ends before that moment/],
    ['a moment before the first backup', request(time(1)), /ended after that moment/],
    ['a moment before the named backup', request(time(20), 'latest', 'c'), /backup c: it ended after/],
    ['an LSN beyond the stored WAL', request(lsn(41)), /ends before that LSN/],
    ['an LSN before the first backup', request(lsn(1)), /ended after that LSN/],
    ['a timeline of which nothing is stored', request(latest, 7), /timeline 7/],
  ])('%s is refused, with what can be restored', (_, wanted, message) => {
    const error = refusal(wanted, simple);
    expect(error.code).toBe('restore.target-unreachable');
    expect(error.message).toMatch(message);
    expect(error.hint).toContain('2026-01-01T02:00:00.000Z to 2026-01-02T16:00:00.000Z on timeline 1');
  });

  test('says the newest reachable position and moment', () => {
    expect(planRestore([seen('main', simple)], request(latest)).reach).toEqual({ lsn: at(41), time: hour(40) });
  });

  test('what only the WAL knows is said to be so', () => {
    expect(planRestore([seen('main', simple)], request(xid)).notes.join()).toMatch(/transaction 741.*newest backup c/);
    expect(planRestore([seen('main', simple)], request(name)).notes.join()).toMatch(/"before-upgrade"/);
    expect(planRestore([seen('main', simple)], request(time(20))).notes).toEqual([]);
    expect(planRestore([seen('main', simple)], request(time(39))).notes).toEqual([]);
  });

  test('a moment after which the last segment alone can hold a commit comes with a warning: PostgreSQL may refuse it', () => {
    const { notes } = planRestore([seen('main', simple)], request(time(39.5)));
    expect(notes).toEqual([expect.stringContaining('recovery ended before configured recovery target was reached')]);
  });
});

function refusal(wanted: RestoreRequest, ...repositories: readonly ObservedRepository[]) {
  try {
    planRestore(
      repositories.map((value, index) => seen(`r${index}`, value)),
      wanted,
    );
  } catch (error) {
    if (isFailure(error)) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('missing WAL', () => {
  const holed = repository({
    backups: [
      { id: 'a', start: 2.1, stop: 2.5, time: 2 },
      { id: 'b', start: 20.1, stop: 22.5, time: 20 },
    ],
    wal: { 1: [...segments(1, 10), ...segments(12, 20), ...segments(22, 30)] },
  });

  test('a backup whose own WAL is not all there is passed over', () => {
    expect(planRestore([seen('main', holed)], request(immediate)).backup.id).toBe('a');
    expect(refusal(request(immediate, 'latest', 'b'), holed).message).toContain('000000010000000000000015');
  });

  test('a target behind the hole is refused, one before it is not', () => {
    expect(planRestore([seen('main', holed)], request(lsn(10, 0.5))).backup.id).toBe('a');
    expect(refusal(request(lsn(11, 0.5)), holed).message).toMatch(/backup a: the WAL .* ends before/);
    expect(refusal(request(time(15)), holed).hint).toContain('to 2026-01-01T10:00:00.000Z');
  });

  test('latest says that the WAL behind the hole is of no use', () => {
    const choice = planRestore([seen('main', holed)], request(latest));
    expect(choice.reach.lsn).toBe(at(11));
    expect(choice.notes.join()).toMatch(/00000001000000000000000B is not stored.*00000001000000000000001E/);
  });

  test('another repository fills it', () => {
    const other = repository({ wal: { 1: [...segments(11, 11), ...segments(21, 21)] } });
    const choice = planRestore([seen('main', holed), seen('offsite', other)], request(latest));
    expect(choice).toMatchObject({ backup: { id: 'b' }, repository: 'main', alternatives: [], notes: [] });
    expect(planRestore([seen('main', holed), seen('offsite', other)], request(lsn(15))).backup.id).toBe('a');
  });

  test('contents that differ between repositories are a hole', () => {
    const other = repository({ wal: { 1: segments(5, 5).map((segment) => ({ ...segment, hash: 'other' })) } });
    expect(planRestore([seen('main', holed), seen('offsite', other)], request(latest)).reach.lsn).toBe(at(5));
  });

  test('a backup with its own WAL needs none', () => {
    const carried = repository({ backups: [{ id: 'a', start: 2.1, stop: 2.5, time: 2, carriesWal: true }] });
    expect(planRestore([seen('main', carried)], request(immediate)).backup.id).toBe('a');
    expect(planRestore([seen('main', carried)], request(latest)).reach.lsn).toBe(at(2, 0.5));
  });

  test('a backup of which a pack is missing is passed over', () => {
    const broken = { ...simple, packs: simple.packs.filter((pack) => pack.backup !== backupId('c')) };
    expect(planRestore([seen('main', broken)], request(latest)).backup.id).toBe('b');
  });
});

describe('timelines', () => {
  // Timeline 2 forks off at 15.5, timeline 3 off timeline 2 at 25.5; the old primary went on on timeline 1 up to 18.
  const forked = repository({
    backups: [
      { id: 'a', start: 2.1, stop: 2.5, time: 2 },
      { id: 'late', start: 16.1, stop: 16.5, time: 16 },
      { id: 'b', timeline: 2, start: 20.1, stop: 20.5, time: 20 },
    ],
    wal: { 1: segments(1, 18), 2: segments(15, 25), 3: segments(25, 30) },
    histories: [history(2, [1, 15.5]), history(3, [1, 15.5], [2, 25.5])],
  });

  test('latest follows the newest one that a backup leads to', () => {
    expect(planRestore([seen('main', forked)], request(latest))).toMatchObject({ backup: { id: 'b' }, timeline: 3 });
    expect(planRestore([seen('main', forked)], request(latest, 'latest', 'a'))).toMatchObject({
      backup: { id: 'a' },
      timeline: 3,
    });
    expect(planRestore([seen('main', forked)], request(latest)).notes.join()).toContain('timeline 1 goes on after');
  });

  test('a backup behind the fork stays on its own', () => {
    expect(planRestore([seen('main', forked)], request(latest, 'latest', 'late'))).toMatchObject({
      timeline: 1,
      reach: { lsn: at(19) },
    });
    expect(refusal(request(latest, 3, 'late'), forked).message).toContain('leaves timeline 1 before the backup ends');
  });

  test('the first timeline is not said to lack a history, which it never has', () => {
    expect(refusal(request(latest, 1, 'b'), forked).message).toContain('timeline 2 of the backup is not an ancestor');
  });

  test('current and a named one', () => {
    expect(planRestore([seen('main', forked)], request(latest, 'current'))).toMatchObject({
      backup: { id: 'b' },
      timeline: 2,
    });
    expect(planRestore([seen('main', forked)], request(latest, 1))).toMatchObject({
      backup: { id: 'late' },
      timeline: 1,
    });
    expect(planRestore([seen('main', forked)], request(latest, 2))).toMatchObject({
      backup: { id: 'b' },
      timeline: 2,
      reach: { lsn: at(26) },
    });
  });

  test('a target before the fork may be reached on the way to a newer timeline', () => {
    expect(planRestore([seen('main', forked)], request(lsn(10)))).toMatchObject({ backup: { id: 'a' }, timeline: 3 });
    expect(planRestore([seen('main', forked)], request(time(17), 1))).toMatchObject({
      backup: { id: 'late' },
      timeline: 1,
    });
  });

  test('a newer timeline of which nothing is reached is not taken', () => {
    const accident = {
      ...forked,
      wal: new Map([...forked.wal, [timelineId(4), segments(17, 18)] as const]),
      histories: new Map([...forked.histories, [timelineId(4), history(4, [1, 17.5])] as const]),
    };
    expect(planRestore([seen('main', accident)], request(latest, 'latest', 'b')).timeline).toBe(3);
  });

  test('immediate stays on the timeline of the backup', () => {
    expect(planRestore([seen('main', forked)], request(immediate))).toMatchObject({ backup: { id: 'b' }, timeline: 2 });
  });
});

describe('several repositories', () => {
  test('the preferred one is read, the others that hold the same backup help', () => {
    const choice = planRestore(
      [seen('main', simple), seen('offsite', simple), seen('empty', repository({}))],
      request(latest),
    );
    expect(choice).toMatchObject({ repository: 'main', alternatives: ['offsite'] });
  });

  test('a newer backup elsewhere is better than an older one in the preferred repository', () => {
    const older = { ...simple, backups: simple.backups.slice(0, 2) };
    expect(planRestore([seen('main', older), seen('offsite', simple)], request(latest))).toMatchObject({
      repository: 'offsite',
      backup: { id: 'c' },
    });
  });

  test('one that cannot be looked at is said, and does not stop the restore', () => {
    const choice = planRestore([unseen('main'), seen('offsite', simple)], request(latest));
    expect(choice).toMatchObject({ repository: 'offsite', alternatives: [] });
    expect(choice.notes.join()).toContain('repository "main" could not be looked at');
  });

  test('none that can be looked at is no proof that nothing is there', () => {
    expect(() => planRestore([unseen('main')], request(latest))).toThrow(
      expect.objectContaining({ code: 'store.unavailable' }),
    );
  });

  test('different clusters are refused', () => {
    const foreign = repository({ backups: [{ id: 'x', start: 1, stop: 2, time: 1 }] });
    const other = { ...foreign, identity: foreign.identity && { ...foreign.identity, systemIdentifier: '7' as never } };
    expect(refusal(request(latest), simple, other).code).toBe('site.foreign-cluster');
  });

  test('no backup at all, and no such backup', () => {
    expect(refusal(request(latest), repository({}))).toMatchObject({
      code: 'restore.target-unreachable',
      message: expect.stringContaining('no backup'),
    });
    expect(refusal(request(latest, 'latest', 'zzz'), simple).code).toBe('backup.not-found');
    expect(refusal(request(latest), repository({ rest: { identity: undefined } })).code).toBe(
      'restore.target-unreachable',
    );
  });
});
