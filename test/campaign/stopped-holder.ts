import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CliResult } from '../support/hoard-cli.ts';
import { countChanges, killPointEnvironment } from '../support/kill-points.ts';
import { checkConvergence, checkTruth } from './aftermath.ts';
import { filesBelow, judge } from './judge.ts';
import { fillForPruning } from './kill-prune.ts';
import type { Tally } from './tally.ts';
import { World } from './world.ts';

/** Longer than a lease lives without renewal (30 s). */
const PAUSE = 32_000;

/** Stops an apply before chosen changes, lets its lease expire and another hoard work, and wakes it: it must neither commit nor remove. */
export async function stoppedBackup(tally: Tally): Promise<void> {
  await using world = await World.make();
  tally.check((await world.apply()).status === 0, 'the first apply', 'failed');
  await world.change();
  await world.slot();
  world.policies('due');
  const changes = await countChanges(world.repository, async (environment) => void (await world.apply(environment)));
  const commit = 1 + changes.findIndex(isCommit);
  for (const at of [9, commit - 10, commit - 3, commit, commit + 1]) {
    const where = `stopped before change ${at} (${changes[at - 1]})`;
    await tally.attempt(where, async () => {
      await world.change();
      await world.slot();
      world.policies('due');
      const stopped = await stopAt(world, at);
      world.policies('settled');
      await sleep(PAUSE);
      const other = await world.hoard(['backup', 'take']);
      tally.check(other.status === 0, where, `the other hoard ended ${other.status}`, () => other.stderr);
      const before = idsOf(world);
      const result = await stopped.wake();
      const after = idsOf(world);
      const change = stopped.changes.at(-1) ?? '';
      tally.say(`stopped before ${change}: ended ${result.status}, ${before.length} backups, then ${after.length}`);
      // One that had committed before it stopped goes on with a new lease, and may remove what its policy says.
      if (!stopped.changes.slice(0, -1).some(isCommit)) {
        tally.check(result.status !== 0, where, 'the stopped one says that all went well');
        tally.check(
          before.every((id) => after.includes(id)),
          where,
          'the stopped one removed a backup',
        );
        // Only the call that makes the backup count and was already under way cannot be taken back; checkTruth reads all of that backup.
        const more = after.length - before.length;
        tally.check(
          more === (isCommit(change) ? 1 : 0),
          where,
          `there were ${before.length} backups, now ${after.length}`,
        );
      }
      await checkTruth(world, tally, { restorable: before, wal: new Map() }, where);
      await world.apply();
      await checkConvergence(world, tally, where, 1);
      tally.count('stops');
    });
  }
}

/** The same while it removes backups: the other hoard is told to keep what the stopped one was about to remove. */
export async function stoppedPrune(tally: Tally): Promise<void> {
  await using world = await World.make();
  await fillForPruning(world);
  const template = path.join(world.place.folder, 'template');
  world.snapshot(template);
  world.policies('pair');
  const changes = await countChanges(world.repository, async (environment) => void (await world.apply(environment)));
  const removals = changes.flatMap((line, index) =>
    / unlink sites\/main\/(backups|packs|wal)/.test(line) ? [index + 1] : [],
  );
  const points = [
    ...new Set([0, 1, 2, Math.floor(removals.length / 2), removals.length - 1].map((index) => removals[index] ?? 1)),
  ];
  for (const at of points) {
    const where = `stopped before change ${at} (${changes[at - 1]})`;
    await tally.attempt(where, async () => {
      world.snapshot(world.repository, template);
      world.policies('pair');
      const stopped = await stopAt(world, at);
      world.policies('keeping');
      await sleep(PAUSE);
      const other = await world.hoard(['backup', 'take']);
      tally.check(other.status === 0, where, `the other hoard ended ${other.status}`, () => other.stderr);
      const before = filesBelow(world.repository);
      const { status } = await stopped.wake();
      tally.check(status !== 0, where, 'the stopped one says that all went well');
      const after = new Set(filesBelow(world.repository));
      const gone = before.filter((file) => !after.has(file) && /^sites\/main\/(backups|packs|wal)/.test(file));
      // The calls that were already made when it was stopped cannot be taken back; deleteMany makes at most eight at once.
      tally.say(
        `${where}: it removed ${gone.length} after its lease was lost: ${gone.map((file) => path.basename(file)).join(' ')}`,
      );
      tally.count('removed by calls under way', gone.length);
      tally.check(gone.length <= 8, where, `the stopped one removed ${gone.length} objects`, () => gone.join('\n'));
      await checkTruth(world, tally, { restorable: [], wal: new Map() }, where);
      await checkConvergence(world, tally, where);
      tally.count('stops');
    });
  }
}

interface Stopped {
  /** Its changes to the one before which it stands; counts differ a little from run to run. */
  readonly changes: readonly string[];
  /** Lets it go on, and waits until it has ended. */
  wake(): ReturnType<World['apply']>;
}

async function stopAt(world: World, at: number): Promise<Stopped> {
  const log = path.join(world.place.folder, 'stopped.log');
  rmSync(log, { force: true });
  let child: ChildProcess | undefined;
  const ended = world.apply(
    killPointEnvironment(world.repository, { at, moment: 'stop' }, log),
    (started) => (child = started),
  );
  let result: CliResult | undefined;
  void ended.then((early) => (result = early));
  while (!isStopped(child?.pid)) {
    if (result !== undefined)
      throw new Error(`it ended ${result.status} before it stopped: ${result.stderr}${result.stdout}`);
    await sleep(50);
  }
  return {
    changes: readFileSync(log, 'utf8').trimEnd().split('\n'),
    wake: () => {
      child?.kill('SIGCONT');
      return ended;
    },
  };
}

function isStopped(pid: number | undefined): boolean {
  const file = `/proc/${pid ?? 0}/stat`;
  return existsSync(file) && /\) T /.test(readFileSync(file, 'utf8'));
}

const isCommit = (change: string): boolean => change.includes(' link ') && change.endsWith('backup.json');

const idsOf = (world: World): readonly string[] => judge(world.repository).backups.map(({ id }) => id);
