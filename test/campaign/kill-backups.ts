import type { KillPoint } from '../support/kill-points.ts';
import { killPointEnvironment } from '../support/kill-points.ts';
import { checkConvergence, checkRestores, checkTruth, observeBefore } from './aftermath.ts';
import type { Tally } from './tally.ts';
import { SIGKILLED, World } from './world.ts';

/** Each so many kill points every restorable backup is really restored and PostgreSQL started on it. */
const RESTORE_EVERY = 10;

type Work = (world: World, environment: Readonly<Record<string, string>>) => Promise<number>;

/** Kills what `work` does at each change of the repository in turn, until it gets through, and looks at what is left. */
async function killEverywhere(world: World, tally: Tally, moment: KillPoint['moment'], work: Work): Promise<void> {
  await tally.everyChange(`killed ${moment}`, async (at, where) => {
    await world.change();
    const before = observeBefore(world);
    const status = await work(world, killPointEnvironment(world.repository, { at, moment }));
    const through = status !== SIGKILLED;
    tally.check(!through || status === 0, where, `it got through and ended ${status}`);
    tally.count(through ? 'runs that got through' : 'kills');
    const { backups } = await checkTruth(world, tally, before, where);
    const fresh = backups.some(({ id }) => !before.restorable.includes(id));
    tally.check(!through || fresh, where, 'it got through and took no backup');
    if (at % RESTORE_EVERY === 0) await checkRestores(world, tally, where);
    await checkConvergence(world, tally, where, 1);
    return through;
  });
}

/** An apply that takes a due backup, then removes the one before it, its WAL and its packs. */
const applyDue: Work = async (world, environment) => {
  await world.slot();
  world.policies('due');
  try {
    return (await world.apply(environment)).status;
  } finally {
    world.policies('settled');
  }
};

const take: Work = async (world, environment) => (await world.hoard(['backup', 'take'], environment)).status;

async function inWorld(tally: Tally, run: (world: World) => Promise<void>): Promise<void> {
  await using world = await World.make();
  const first = await world.apply();
  tally.check(first.status === 0, 'the first apply', `ended ${first.status}`, () => first.stderr);
  await run(world);
}

export const killApplyAfter = (tally: Tally): Promise<void> =>
  inWorld(tally, (world) => killEverywhere(world, tally, 'after', applyDue));

export const killApplyBefore = (tally: Tally): Promise<void> =>
  inWorld(tally, (world) => killEverywhere(world, tally, 'before', applyDue));

export const killTake = (tally: Tally): Promise<void> =>
  inWorld(tally, (world) => killEverywhere(world, tally, 'after', take));
