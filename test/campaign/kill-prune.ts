import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type KillPoint, killPointEnvironment } from '../support/kill-points.ts';
import { archiveEverything } from '../support/restorable-cluster.ts';
import { checkConvergence, checkRestores, checkTruth, observeBefore } from './aftermath.ts';
import type { Tally } from './tally.ts';
import { SIGKILLED, World } from './world.ts';

const RESTORE_EVERY = 20;
// One plan removes at most half of them.
const BACKUPS = 4;
const DEAD_BACKUP = '20260101T000000Z-00000000';

/** A repository with backups that are to go, packs that go with them, WAL that nobody needs, and leftovers of interrupted work. */
export async function fillForPruning(world: World): Promise<void> {
  world.policies('keeping');
  for (let backup = 0; backup < BACKUPS; backup += 1) {
    await world.server.query('drop table if exists filler');
    await world.server.query(
      'create table filler as select md5(random()::text) as text from generate_series(1, 20000)',
    );
    const taken = await world.hoard(['backup', 'take']);
    if (taken.status !== 0 && backup > 0) throw new Error(taken.stderr);
    if (taken.status !== 0) await world.apply();
  }
  await world.server.query('drop table filler');
  await archiveEverything(world.server);
  const site = path.join(world.repository, 'sites/main');
  const [backup = ''] = readdirSync(path.join(site, 'packs'));
  cpSync(path.join(site, 'packs', backup), path.join(site, 'packs', DEAD_BACKUP), { recursive: true });
  mkdirSync(path.join(site, 'backups', DEAD_BACKUP));
  writeFileSync(path.join(site, 'backups', DEAD_BACKUP, 'manifest.ndjson.zst'), 'half');
}

/** Kills an apply that prunes at each of its changes, every time from the same beginning. */
export async function killPrune(tally: Tally): Promise<void> {
  await using world = await World.make();
  await fillForPruning(world);
  const template = path.join(world.place.folder, 'template');
  world.snapshot(template);
  world.policies('pair');
  for (const moment of ['after', 'before'] as const) await killFromTemplate(world, tally, template, moment);
  rmSync(template, { recursive: true });
}

async function killFromTemplate(
  world: World,
  tally: Tally,
  template: string,
  moment: KillPoint['moment'],
): Promise<void> {
  await tally.everyChange(`killed ${moment}`, async (at, where) => {
    world.snapshot(world.repository, template);
    const before = observeBefore(world);
    const { status, stderr } = await world.apply(killPointEnvironment(world.repository, { at, moment }));
    const through = status !== SIGKILLED;
    tally.check(!through || status === 0, where, `it got through and ended ${status}`, () => stderr);
    tally.count(through ? 'runs that got through' : 'kills');
    await checkTruth(world, tally, before, where);
    if (at % RESTORE_EVERY === 0) await checkRestores(world, tally, where);
    await checkConvergence(world, tally, where, 2);
    return through;
  });
}
