import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { countChanges, type KillPoint, killPointEnvironment } from '../support/kill-points.ts';
import { archiveEverything } from '../support/restorable-cluster.ts';
import { filesBelow } from './judge.ts';
import type { Tally } from './tally.ts';
import { SIGKILLED, World } from './world.ts';

/** All of the changes at both ends, where the order matters, and each so many of those between, which are files being filled. */
const HEAD = 40;
const TAIL = 60;
const EVERY = Number(process.env['CAMPAIGN_RESTORE_EVERY'] ?? 10);
const START_EVERY = 15;

/** Kills a restore, sees that PostgreSQL does not start on the half, runs it again, and compares every byte; each so many points it is started. */
export async function killRestore(tally: Tally): Promise<void> {
  await using world = await World.make();
  tally.check((await world.apply()).status === 0, 'the first apply', 'failed');
  await world.change();
  await archiveEverything(world.server);
  const contents = await world.contents();
  const data = path.join(world.place.folder, 'restored');
  const restore = (environment: Readonly<Record<string, string>> = {}): ReturnType<World['hoard']> =>
    world.hoard(['restore', 'main', '--no-archive', '--to', data], environment);
  const changes = await countChanges(data, async (environment) => {
    tally.check((await restore(environment)).status === 0, 'the whole restore', 'failed');
  });
  const whole = digest(data);
  rmSync(data, { recursive: true });

  const points = pointsOf(changes.length);
  tally.say(`${points.length} points at ${changes.length} changes`);
  for (const [index, { at, moment }] of points.entries()) {
    const where = `killed ${moment} change ${at} of ${changes.length}`;
    await tally.attempt(where, async () => {
      const { status } = await restore(killPointEnvironment(data, { at, moment }));
      if (status === SIGKILLED) tally.count('kills');
      const control = existsSync(path.join(data, 'global/pg_control'));
      if (!control) tally.check(world.refusesToStart(data), where, 'PostgreSQL starts on the half');
      else
        tally.check(differences(digest(data), whole).length === 0, where, 'pg_control is there before the rest', () =>
          differences(digest(data), whole).join(),
        );
      const again = await restore();
      // A restore that ended just before it was killed is a whole cluster: to write into it is refused.
      const complete = control && again.status === 4;
      tally.count(complete ? 'refused as complete' : 'resumed');
      tally.check(
        again.status === 0 || complete || status === 0,
        where,
        `run again it ended ${again.status}`,
        () => again.stderr,
      );
      const different = differences(digest(data), whole);
      tally.check(different.length === 0, where, 'the restored files differ', () => different.join('\n'));
      if (index % START_EVERY !== 0) return;
      await using server = await world.started(data);
      tally.check((await world.contents(server)) === contents, where, 'the restored table differs');
      tally.count('real starts');
    });
    rmSync(data, { recursive: true, force: true });
    if (index % 50 === 49) tally.say(`${index + 1} of ${points.length} points, ${tally.faults.length} faults`);
  }
}

function pointsOf(total: number): readonly KillPoint[] {
  const points: KillPoint[] = [];
  for (let at = 1; at <= total; at += 1) {
    const atAnEnd = at <= HEAD || at > total - TAIL;
    if (atAnEnd || at % EVERY === 0) points.push({ at, moment: 'after' });
    if (atAnEnd) points.push({ at, moment: 'before' });
  }
  return points;
}

/** Every file with its content, the restore's own marker aside. */
function digest(directory: string): ReadonlyMap<string, string> {
  return new Map(
    filesBelow(directory)
      .filter((file) => !file.startsWith('hoard-restore.json'))
      .map((file) => [
        file,
        createHash('sha256')
          .update(readFileSync(path.join(directory, file)))
          .digest('hex'),
      ]),
  );
}

const differences = (one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): readonly string[] =>
  [...new Set([...one.keys(), ...other.keys()])].filter((file) => one.get(file) !== other.get(file)).slice(0, 10);
