import { rmSync } from 'node:fs';
import path from 'node:path';
import { type Judgement, judge, lsnOf } from './judge.ts';
import type { Tally } from './tally.ts';
import type { World } from './world.ts';

const MOST_LEASES = 12;

const restorableOf = (judgement: Judgement): readonly string[] =>
  judgement.backups.filter(({ problems }) => problems.length === 0).map(({ id }) => id);

/** What counted before a kill, to be compared with what counts after it. */
export interface Before {
  readonly restorable: readonly string[];
  readonly wal: ReadonlyMap<string, string>;
}

export function observeBefore(world: World): Before {
  const judgement = judge(world.repository, 'shallow');
  return { restorable: restorableOf(judgement), wal: judgement.wal };
}

/** Right after the kill: what status and list say is what the files say, and nothing that counted is lost. */
export async function checkTruth(world: World, tally: Tally, before: Before, where: string): Promise<Judgement> {
  const { judgement, status, listed } = await consider(world);
  const restorable = restorableOf(judgement);
  const damaged = judgement.backups.flatMap(({ id, problems }) => problems.map((problem) => `${id}: ${problem}`));
  tally.check(damaged.length === 0, where, 'a committed backup is not whole', () => damaged.slice(0, 5).join('\n'));
  tally.check(judgement.damage.length === 0, where, 'stored WAL is damaged', () => judgement.damage.join('\n'));

  const newest = before.restorable.toSorted().at(-1);
  // Retention keeps the last one, so an older one may go only once a newer one counts.
  tally.check(
    newest === undefined || restorable.some((id) => id >= newest),
    where,
    'the newest backup is lost, and no newer one took its place',
    () => `before ${before.restorable.join(' ')}, now ${restorable.join(' ')}`,
  );
  tally.check(status.state === 'known', where, `status says ${status.state}`);
  tally.check(
    status.backups === restorable.length,
    where,
    `status counts ${status.backups} backups, the judge ${restorable.length}`,
  );
  tally.check(
    listed.toSorted().join() === restorable.toSorted().join(),
    where,
    `list has ${listed.join()}, the judge ${restorable.join()}`,
  );
  const said = status.recoveryWindow
    .map(({ toLsn }) => lsnOf(toLsn))
    .toSorted(compare)
    .at(-1);
  const reached = judgement.backups
    .filter(({ id }) => restorable.includes(id))
    .map(({ reach }) => reach)
    .toSorted(compare)
    .at(-1);
  tally.check(
    said === reached,
    where,
    `the window ends at ${said?.toString(16)}, by the files at ${reached?.toString(16)}`,
  );
  return judgement;
}

/** The files and what hoard says of them, at a moment when no WAL came in between. */
async function consider(world: World): Promise<{
  readonly judgement: Judgement;
  readonly status: Awaited<ReturnType<World['status']>>;
  readonly listed: readonly string[];
}> {
  for (;;) {
    const judgement = judge(world.repository);
    const [status, listed] = await Promise.all([world.status(), world.listed()]);
    const same = judge(world.repository, 'shallow').wal.size === judgement.wal.size;
    if (same) return { judgement, status, listed: listed.filter((each) => each.restorable).map(({ id }) => id) };
  }
}

/** One apply closes everything, a second does nothing, a plan is empty, and nothing is left over. */
export async function checkConvergence(world: World, tally: Tally, where: string, backups?: number): Promise<void> {
  const next = await world.apply();
  tally.check(next.status === 0, where, `the next apply ended ${next.status}`, () => next.stderr + next.stdout);
  const before = new Set(world.print());
  const second = await world.apply();
  // What PostgreSQL archives meanwhile is no doing of apply.
  const after = world.print();
  const changed = [
    ...after.filter((line) => !before.has(line) && !line.includes('/wal/')),
    ...[...before].filter((line) => !after.includes(line)),
  ];
  tally.check(
    second.status === 0 && changed.length === 0,
    where,
    `a second apply ended ${second.status} or changed something`,
    () => `${second.stdout}${changed.join('\n')}`,
  );
  const plan = await world.hoard(['plan', '--detailed-exitcode']);
  tally.check(plan.status === 0, where, `plan ended ${plan.status}`, () => plan.stderr + plan.stdout);
  const { leftovers, leases, backups: kept } = judge(world.repository, 'shallow');
  tally.check(leftovers.length === 0, where, 'something is left over', () => leftovers.join('\n'));
  // An acquisition that is killed before it tidies up leaves one; the next that gets through removes them all.
  tally.check(leases <= MOST_LEASES, where, `${leases} generations of the lease lie there`);
  tally.check(
    backups === undefined || kept.length === backups,
    where,
    `${kept.length} backups are kept, not ${backups}`,
  );
}

/** The real thing: every restorable backup is restored, started and looked into. */
export async function checkRestores(world: World, tally: Tally, where: string): Promise<void> {
  for (const { id, restorable } of await world.listed()) {
    if (!restorable) continue;
    const target = path.join(world.place.folder, `restored-${id}`);
    try {
      const result = await world.hoard([
        'restore',
        '--backup',
        id,
        '--target-immediate',
        '--no-archive',
        '--to',
        target,
      ]);
      tally.check(result.status === 0, where, `the restore of ${id} ended ${result.status}`, () => result.stderr);
      if (result.status !== 0) continue;
      await using server = await world.started(target);
      const [row] = await server.query<{ rows: string }>('select count(*)::text as rows from t');
      tally.check(row?.rows === '5000', where, `${id} has ${row?.rows} rows`);
      tally.count('real restores');
    } finally {
      rmSync(target, { recursive: true, force: true });
    }
  }
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
