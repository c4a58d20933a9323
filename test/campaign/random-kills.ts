import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LAUNCHER, type PolicyFolder } from '../support/hoard-cli.ts';
import { archiveEverything } from '../support/restorable-cluster.ts';
import { checkConvergence, checkRestores, checkTruth, observeBefore } from './aftermath.ts';
import { judge } from './judge.ts';
import type { Tally } from './tally.ts';
import { SIGKILLED, World } from './world.ts';

const ROUNDS = Number(process.env['CAMPAIGN_ROUNDS'] ?? 40);
const RESTORE_EVERY = 20;

/** An archive_command that kills its own push now and then, some time into its work. */
function archiveThatDies({ folder, policies }: PolicyFolder): string {
  const script = path.join(folder, 'archive.sh');
  const push = `"${process.execPath}" "${LAUNCHER}" -f "${policies}" wal push "$1"`;
  writeFileSync(
    script,
    `${push} & push=$!\nif [ $((RANDOM % 3)) = 0 ]; then sleep 0.$((RANDOM % 50 + 10)); kill -9 $push; fi\nwait $push || exit 1\n`,
  );
  return `bash ${script} %p`;
}

/** Kills apply at random times while rows change and segments are archived by pushes that are killed as well. */
export async function randomKills(tally: Tally): Promise<void> {
  await using world = await World.make(archiveThatDies);
  tally.check((await world.apply()).status === 0, 'the first apply', 'failed');
  world.policies('growing');
  const stop = new AbortController();
  const load = loadUntil(world, stop.signal);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const delay = 150 + Math.random() * 2500;
    const where = `killed after ${Math.round(delay)} ms (round ${round})`;
    await tally.attempt(where, async () => {
      await world.slot();
      const acknowledged = archived(world);
      const before = observeBefore(world);
      const { status } = await world.apply({}, (child) => void sleep(delay).then(() => child.kill('SIGKILL')));
      tally.count(status === SIGKILLED ? 'kills' : 'runs that got through');
      const now = await checkTruth(world, tally, before, where);
      for (const name of acknowledged) tally.check(now.wal.has(name), where, `${name} was acknowledged and is lost`);
      for (const id of before.restorable)
        tally.check(
          now.backups.some((each) => each.id === id),
          where,
          `${id} is lost`,
        );
      if (round % 10 === 0) tally.say(`${round} rounds, ${tally.faults.length} faults`);
      if (round % RESTORE_EVERY === 0) await checkRestores(world, tally, where);
    });
  }
  stop.abort();
  tally.count('changes under load', await load);
  world.policies('keeping');
  await tally.attempt('at the end', async () => {
    await archiveEverything(world.server);
    for (const name of archived(world))
      tally.check(judge(world.repository).wal.has(name), 'at the end', `${name} is lost`);
    await checkConvergence(world, tally, 'at the end');
    await checkLatest(world, tally);
  });
}

async function checkLatest(world: World, tally: Tally): Promise<void> {
  const target = path.join(world.place.folder, 'latest');
  const { status, stderr } = await world.hoard(['restore', 'main', '--no-archive', '--to', target]);
  tally.check(status === 0, 'at the end', `the restore to the latest ended ${status}`, () => stderr);
  await using server = await world.started(target);
  tally.check((await world.contents(server)) === (await world.contents()), 'at the end', 'the restored table differs');
  tally.count('real restores');
  rmSync(target, { recursive: true, force: true });
}

async function loadUntil(world: World, signal: AbortSignal): Promise<number> {
  let changes = 0;
  for (; !signal.aborted; changes += 1) {
    await world.change();
    await sleep(400);
  }
  return changes;
}

/** What PostgreSQL was told is durable. */
const archived = (world: World): readonly string[] =>
  readdirSync(path.join(world.server.dataDirectory, 'pg_wal/archive_status'))
    .filter((name) => name.endsWith('.done'))
    .map((name) => name.slice(0, -'.done'.length));
