import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DesiredSite, type RetentionPolicy, repositoryName } from '../../../src/domain/desired.ts';
import { diff } from '../../../src/domain/diff.ts';
import { type Instant, instant } from '../../../src/domain/instant.ts';
import type { BackupId, ObservedRepository, ObservedSite, StoredBackup } from '../../../src/domain/observed.ts';
import { makePlan, type Plan } from '../../../src/domain/plan.ts';
import { computeRecoveryWindow } from '../../../src/domain/recovery-window.ts';
import { applySimulated } from '../../support/apply-simulated.ts';
import {
  desiredSite,
  HISTORY_SIZE,
  QUARTER,
  SimulatedWorld,
  type Step,
  someHistory,
  someRetention,
} from '../../support/generated-history.ts';
import { restorableMoments } from '../../support/recovery-oracle.ts';

/** HOARD_CASES=100000 makes a campaign of it; a case takes some 5 ms. */
const numRuns = Number(process.env['HOARD_CASES'] ?? 300);
const timeout = 60_000 + numRuns * 20;

const planOf = (site: DesiredSite, observed: ObservedSite, now: Instant): Plan =>
  makePlan([diff(site, observed, now)], now);

/** Plays a history; each `reconcile` in it is a pass whose plan is carried out and checked. */
function play(
  steps: readonly Step[],
  site: DesiredSite,
  check: (world: SimulatedWorld, before: ObservedSite, now: Instant, plan: Plan) => void,
): SimulatedWorld {
  const world = new SimulatedWorld(site.repositories);
  for (const step of [...steps, { kind: 'reconcile' } as const]) {
    if (step.kind !== 'reconcile') {
      world.step(step);
      continue;
    }
    const before = world.observe();
    const { now } = world;
    const plan = planOf(site, before, now);
    applySimulated(world, plan.actions);
    check(world, before, now, plan);
  }
  return world;
}

const repositoriesOf = (observed: ObservedSite): readonly [string, ObservedRepository][] =>
  [...observed.repositories].flatMap(([name, observation]) =>
    observation.kind === 'known' ? [[name, observation.value]] : [],
  );

test('the recovery window says what a replay finds, moment by moment', { timeout }, () => {
  fc.assert(
    fc.property(someHistory, (steps) => {
      const world = new SimulatedWorld([repositoryName('main')]);
      for (const step of steps) if (step.kind !== 'reconcile') world.step(step);
      for (const repository of world.repositories.values()) {
        const found = new Set<string>();
        const window = computeRecoveryWindow(repository, HISTORY_SIZE);
        for (const { timeline, fromLsn, toLsn } of window.intervals) {
          for (let at = fromLsn / QUARTER; at <= toLsn / QUARTER; at += 1n) found.add(`${timeline}:${at}`);
        }
        const { all, byBackup } = restorableMoments(repository, QUARTER);
        // A fork belongs to both timelines; the replay names it once.
        const forks = new Set(
          [...repository.histories.values()].map(
            ({ timeline, ancestors }) => `${timeline}:${(ancestors.at(-1)?.switchLsn ?? 0n) / QUARTER}`,
          ),
        );
        for (const { timeline, ancestors } of repository.histories.values()) {
          for (const [index, { switchLsn }] of ancestors.entries())
            forks.add(`${ancestors[index + 1]?.timeline ?? timeline}:${switchLsn / QUARTER}`);
        }
        expect([...found].filter((moment) => !all.has(moment) && !forks.has(moment))).toEqual([]);
        expect([...all].filter((moment) => !found.has(moment) && !forks.has(moment))).toEqual([]);
        expect(window.unrestorable.map(({ backup }) => backup).sort()).toEqual(
          repository.backups
            .map(({ id }) => id)
            .filter((id) => !byBackup.has(id))
            .sort(),
        );
      }
    }),
    { numRuns },
  );
});

test('an applied plan removes nothing that the window or a kept backup needs', { timeout }, () => {
  fc.assert(
    fc.property(someHistory, someRetention, (steps, retention) => {
      const site = desiredSite(retention);
      play(steps, site, (world, before, now, plan) => {
        for (const [name, repository] of repositoriesOf(before)) {
          const after = world.repositories.get(repositoryName(name));
          // Over the budget: these go in a later plan, and until then they keep only the WAL that makes them consistent.
          const late = plan.actions.flatMap(({ repository: of, work }) =>
            of === name && work.kind === 'backup.prune' ? [work.backup] : [],
          );
          if (after) checkNothingNeededIsGone(repository, after, retention, now, new Set(late));
        }
      });
    }),
    { numRuns },
  );
});

function checkNothingNeededIsGone(
  before: ObservedRepository,
  after: ObservedRepository,
  retention: RetentionPolicy,
  now: Instant,
  late: ReadonlySet<BackupId>,
): void {
  const could = restorableMoments(before, QUARTER);
  const can = restorableMoments(after, QUARTER);
  const left = new Set(after.backups.map(({ id }) => id));

  const broken = before.backups.filter(({ id }) => left.has(id) && could.byBackup.has(id) && !can.byBackup.has(id));
  expect(broken.map(({ id }) => id)).toEqual([]);

  if (retention.window === undefined) {
    // Without a window, what stays can be replayed from as far as before.
    for (const id of [...left].filter((backup) => !late.has(backup))) {
      expect([...(could.byBackup.get(id) ?? [])].filter((moment) => !can.byBackup.get(id)?.has(moment))).toEqual([]);
    }
  }
  const wanted = momentsInWindow(before, could.byBackup, retention, now);
  expect(wanted.filter((moment) => could.all.has(moment) && !can.all.has(moment))).toEqual([]);

  const restorable = before.backups
    .filter(({ id }) => could.byBackup.has(id))
    .sort((a, b) => a.startTime - b.startTime || (a.id < b.id ? -1 : 1));
  const newest = restorable.at(-1);
  if (newest) expect(left).toContain(newest.id);
  for (const { id } of restorable.slice(-retention.minimum)) expect(left).toContain(id);
  const proven = [...before.backups]
    .sort((a, b) => a.startTime - b.startTime || (a.id < b.id ? -1 : 1))
    .findLast(({ id }) => before.proofs.some((proof) => proof.backup === id));
  if (proven) expect(left).toContain(proven.id);
  for (const hold of before.holds) {
    const inForce = hold.until === undefined || hold.until > now;
    if (inForce && before.backups.some(({ id }) => id === hold.backup)) expect(left).toContain(hold.backup);
  }
  for (const [timeline, history] of before.histories) expect(after.histories.get(timeline)).toEqual(history);
}

/**
 * What the declared window covers. A moment lies in it unless what is stored proves that it is older: its segment was stored before
 * the window began, or a backup of its timeline ended at or after it before the window began. Besides, everything since the newest
 * restorable backup that ended before the window, and since every backup that ended in it.
 */
function momentsInWindow(
  repository: ObservedRepository,
  byBackup: ReadonlyMap<string, ReadonlySet<string>>,
  { window }: RetentionPolicy,
  now: Instant,
): readonly string[] {
  if (window === undefined) return [];
  const since = instant(now - window);
  const wanted = new Set<string>();
  const segmentsOf = new Map(
    [...repository.wal].map(([timeline, stored]) => [
      timeline,
      new Map<number, Instant>(stored.filter((s) => !s.conflict).map((s) => [s.number, s.storedAt])),
    ]),
  );
  const children = [...repository.histories.values()].flatMap(({ timeline, ancestors }) =>
    ancestors.map(({ timeline: parent, switchLsn }, index) => ({
      parent,
      child: ancestors[index + 1]?.timeline ?? timeline,
      fork: Number(switchLsn / QUARTER),
    })),
  );
  for (const moments of byBackup.values()) {
    for (const moment of moments) {
      const [timeline = 0, quarter = 0] = moment.split(':').map(Number);
      const segment = Math.floor((quarter - 1) / 4);
      const stored = [segmentsOf.get(timeline as never)?.get(segment)];
      for (const { parent, child, fork } of children)
        if (parent === timeline && quarter <= fork && Math.floor(fork / 4) === segment)
          stored.push(segmentsOf.get(child)?.get(segment));
      // Up to the fork the copies hold the same: the one that was stored first says how old it is.
      const copies = stored.filter((at) => at !== undefined);
      const young = copies.length > 0 && copies.every((at) => at >= since);
      const proven = repository.backups.some((b) => b.stopTime <= since && endsAfter(repository, b, timeline, quarter));
      if (young && !proven) wanted.add(moment);
    }
  }
  const before = repository.backups
    .filter((b) => byBackup.has(b.id) && b.stopTime <= since)
    .sort((a, b) => a.stopTime - b.stopTime || (a.id < b.id ? -1 : 1));
  for (const moment of byBackup.get(before.at(-1)?.id ?? '') ?? []) wanted.add(moment);
  for (const backup of repository.backups) {
    if (backup.stopTime > since && byBackup.has(backup.id))
      for (const moment of byBackup.get(backup.id) ?? []) wanted.add(moment);
  }
  return [...wanted];
}

/** Whether the backup ended at or after the position: on its timeline, or on one that left it there or later. */
function endsAfter(repository: ObservedRepository, backup: StoredBackup, timeline: number, quarter: number): boolean {
  const stop = Number(backup.stopLsn / QUARTER);
  if (backup.timeline === timeline) return stop >= quarter;
  return [...repository.histories.values()].some(({ timeline: target, ancestors }) => {
    const line = [
      ...ancestors.map((a) => ({ timeline: a.timeline, end: Number(a.switchLsn / QUARTER) })),
      { timeline: target, end: Number.POSITIVE_INFINITY },
    ];
    const own = line.findIndex((piece) => piece.timeline === backup.timeline && stop <= piece.end);
    return line.slice(0, Math.max(own, 0)).some((piece) => piece.timeline === timeline && piece.end >= quarter);
  });
}

test('applying plans converges, and a converged world gives an empty plan', { timeout }, () => {
  fc.assert(
    fc.property(someHistory, someRetention, (steps, retention) => {
      const site = desiredSite({ ...retention, prune: 'auto' });
      const world = play(steps, site, () => undefined);
      // One backup at least goes in each round, and a history has fewer than forty.
      let rounds = 0;
      let plan = planOf(site, world.observe(), world.now);
      while (plan.actions.length > 0 && rounds < 45) {
        applySimulated(world, plan.actions);
        plan = planOf(site, world.observe(), world.now);
        rounds += 1;
      }
      expect(plan.actions.map(({ id, blockedBy }) => [id, blockedBy])).toEqual([]);
      expect(plan.sites.map(({ converged }) => converged)).toEqual([true]);
    }),
    { numRuns },
  );
});

test('what is unknown, unreadable or foreign gives nothing destructive that could run', { timeout }, () => {
  const trouble = fc.constantFrom(
    'repository',
    'cluster',
    'unreadable',
    'foreign',
    'detect',
    'suspended',
    'confirm',
    'never',
  );
  fc.assert(
    fc.property(someHistory, someRetention, trouble, (steps, retention, what) => {
      const change = what === 'detect' || what === 'suspended' ? ({ mode: what } as const) : {};
      const prune = what === 'confirm' || what === 'never' ? what : 'auto';
      const world = new SimulatedWorld([repositoryName('main')]);
      for (const step of steps) if (step.kind !== 'reconcile') world.step(step);
      const observed = spoil(world.observe(), what);
      const site = desiredSite({ ...retention, prune }, { repositories: [repositoryName('main')], ...change });
      const { actions } = planOf(site, observed, world.now);
      const running = actions.filter(({ blockedBy }) => blockedBy.length === 0);
      // Leftovers of interrupted work are no matter of retention.
      const destructive = running.filter(
        ({ risk, id }) =>
          risk === 'destructive' && !((what === 'confirm' || what === 'never') && id.endsWith(':leftovers')),
      );
      expect(destructive.map(({ id }) => id)).toEqual([]);
      if (what !== 'unreadable' && what !== 'confirm' && what !== 'never') {
        expect(running.filter(({ work }) => work.kind === 'backup.take').map(({ id }) => id)).toEqual([]);
      }
    }),
    { numRuns },
  );
});

function spoil(observed: ObservedSite, what: string): ObservedSite {
  const unknown = { kind: 'unknown', reason: 'connection refused', at: instant(0) } as const;
  const withRepository = (change: (repository: ObservedRepository) => ObservedRepository): ObservedSite => ({
    ...observed,
    repositories: new Map(
      [...observed.repositories].map(([name, o]) => [name, o.kind === 'known' ? { ...o, value: change(o.value) } : o]),
    ),
  });
  switch (what) {
    case 'repository':
      return { ...observed, repositories: new Map([...observed.repositories.keys()].map((name) => [name, unknown])) };
    case 'cluster':
      return { ...observed, cluster: unknown };
    case 'unreadable':
      return withRepository((repository) => {
        const [first, ...others] = repository.backups;
        const unreadable = first ? [{ id: first.id, reason: 'not JSON' }] : [];
        return {
          ...repository,
          backups: first ? others : [],
          unreadableBackups: unreadable,
          ...(first ? {} : { packs: [], strays: [] }),
        };
      });
    case 'foreign':
      return withRepository((repository) => ({
        ...repository,
        identity: repository.identity && { ...repository.identity, systemIdentifier: '1' as never },
      }));
    default:
      return observed;
  }
}

test('a plan is deterministic: it does not depend on the order in which things were listed', { timeout }, () => {
  fc.assert(
    fc.property(someHistory, someRetention, (steps, retention) => {
      const site = desiredSite(retention);
      const world = new SimulatedWorld(site.repositories);
      for (const step of steps) if (step.kind !== 'reconcile') world.step(step);
      const observed = world.observe();
      const turned: ObservedSite = {
        ...observed,
        repositories: new Map(
          [...observed.repositories]
            .reverse()
            .map(([name, o]) => [name, o.kind === 'known' ? { ...o, value: backwards(o.value) } : o]),
        ),
      };
      expect(planOf(site, turned, world.now).actions).toEqual(planOf(site, observed, world.now).actions);
    }),
    { numRuns: Math.ceil(numRuns / 3) },
  );
});

function backwards(repository: ObservedRepository): ObservedRepository {
  return {
    ...repository,
    wal: new Map([...repository.wal].reverse().map(([timeline, segments]) => [timeline, [...segments].reverse()])),
    histories: new Map([...repository.histories].reverse()),
    packs: [...repository.packs].reverse(),
    strays: [...repository.strays].reverse(),
    holds: [...repository.holds].reverse(),
    proofs: [...repository.proofs].reverse(),
  };
}
