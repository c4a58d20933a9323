import { linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { LAUNCHER, type PolicyFolder } from '../support/hoard-cli.ts';
import { killPointEnvironment } from '../support/kill-points.ts';
import { archiveEverything } from '../support/restorable-cluster.ts';
import { checkConvergence, checkRestores, checkTruth, observeBefore } from './aftermath.ts';
import { type Change, DurableState } from './durable-state.ts';
import { filesBelow, judge } from './judge.ts';
import type { Tally } from './tally.ts';
import { SIGKILLED, World } from './world.ts';

const HOOK = path.join(import.meta.dirname, 'power-loss-hook.mjs');
const RESTORE_EVERY = 20;

/** What becomes of changes of names that nobody synced. */
const FATES: readonly (readonly [name: string, keep: () => boolean])[] = [
  ['lost', () => false],
  ['lost or not', () => Math.random() < 0.5],
];

const logOf = (folder: string): string => path.join(folder, 'changes.log');
const graveyardOf = (folder: string): string => path.join(folder, 'graveyard');

const environmentOf = ({
  folder,
  repository,
}: Pick<PolicyFolder, 'folder' | 'repository'>): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `--import=${HOOK}`,
  POWER_LOSS_DIRECTORY: repository,
  POWER_LOSS_LOG: logOf(folder),
  POWER_LOSS_GRAVEYARD: graveyardOf(folder),
});

/** Archiving goes into the same log: its files lie on the same disk. */
function archiveUnderWatch(place: PolicyFolder): string {
  mkdirSync(graveyardOf(place.folder), { mode: 0o777 });
  writeFileSync(logOf(place.folder), '', { mode: 0o666 });
  const variables = Object.entries(environmentOf(place)).map(([name, value]) => `${name}=${value}`);
  return `env ${variables.join(' ')} ${process.execPath} ${LAUNCHER} -f ${place.policies} wal push %p`;
}

/** Cuts the power of the repository's disk at each change of an apply: what was not synced is lost, wholly or here and there. */
export async function powerLoss(tally: Tally): Promise<void> {
  await using world = await World.make(archiveUnderWatch);
  tally.check((await world.apply()).status === 0, 'the first apply', 'failed');
  for (const [fate, keep] of FATES) {
    await tally.everyChange(`unsynced names ${fate}, power cut after`, async (at, where) => {
      await world.change();
      await archiveEverything(world.server);
      const before = observeBefore(world);
      const acknowledged = archived(world);
      const start = path.join(world.place.folder, 'start');
      world.snapshot(start);
      writeFileSync(logOf(world.place.folder), '');
      await world.slot();
      world.policies('due');
      const { status } = await world.apply(bothHooks(world, at));
      world.policies('settled');
      const through = status !== SIGKILLED;
      tally.check(!through || status === 0, where, `it got through and ended ${status}`);
      const promised = through ? judge(world.repository).backups.map(({ id }) => id) : [];
      cutPower(world, start, keep);
      tally.count(through ? 'runs that got through' : 'power cuts');
      const now = await checkTruth(world, tally, before, where);
      for (const id of promised)
        tally.check(
          now.backups.some((each) => each.id === id),
          where,
          `${id} was reported and is lost`,
        );
      // What apply has pruned is none of it: what the newest backup needs must be there, which its reach says.
      const newest = Math.max(0, ...now.backups.map(({ startLsn }) => Number(startLsn)));
      const lost = acknowledged.filter(
        (name) => Number.parseInt(name.slice(8, 16) + name.slice(19), 16) * 2 ** 20 >= newest && !now.wal.has(name),
      );
      tally.check(lost.length === 0, where, 'acknowledged WAL is lost', () => lost.join());
      if (at % RESTORE_EVERY === 0) await checkRestores(world, tally, where);
      await checkConvergence(world, tally, where, 1);
      await tidyLeases(world);
      return through;
    });
  }
}

/** Each cut brings back generations of the lease; all would have to be removed before a later change is reached. */
async function tidyLeases(world: World): Promise<void> {
  if (judge(world.repository, 'shallow').leases <= 2) return;
  await world.hoard(['backup', 'take']);
  await world.apply();
}

function bothHooks(world: World, at: number): Readonly<Record<string, string>> {
  const kill = killPointEnvironment(world.repository, { at, moment: 'after' });
  const power = environmentOf({ folder: world.place.folder, repository: world.repository });
  return { ...kill, ...power, NODE_OPTIONS: `${kill['NODE_OPTIONS']} ${power['NODE_OPTIONS']}` };
}

/** Puts in place of the repository what the disk holds for certain. */
function cutPower(world: World, start: string, keep: () => boolean): void {
  const state = new DurableState(start);
  for (const line of readFileSync(logOf(world.place.folder), 'utf8').split('\n')) {
    if (line !== '') state.play(JSON.parse(line) as Change, keep);
  }
  const after = path.join(world.place.folder, 'after');
  renameSync(world.repository, after);
  const byInode = new Map<number, string>();
  for (const folder of [start, graveyardOf(world.place.folder), after]) {
    for (const file of filesBelow(folder)) byInode.set(lstatSync(path.join(folder, file)).ino, path.join(folder, file));
  }
  mkdirSync(path.join(world.repository, '.hoard-store'), { recursive: true });
  for (const { file, inode, whole } of state.files()) {
    const target = path.join(world.repository, file);
    mkdirSync(path.dirname(target), { recursive: true });
    const content = byInode.get(inode);
    // An inode that was never synced may have any content; nothing is the worst that is likely.
    if (content === undefined || !whole) writeFileSync(target, '');
    else linkSync(content, target);
  }
  for (const folder of [
    start,
    after,
    ...readdirSync(graveyardOf(world.place.folder)).map((name) => path.join(graveyardOf(world.place.folder), name)),
  ])
    rmSync(folder, { recursive: true });
}

/** What PostgreSQL was told is durable. */
const archived = (world: World): readonly string[] =>
  readdirSync(path.join(world.server.dataDirectory, 'pg_wal/archive_status'))
    .filter((name) => /^[0-9A-F]{24}\.done$/.test(name))
    .map((name) => name.slice(0, 24));
