import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, statfsSync } from 'node:fs';
import { checkConvergence, checkTruth, observeBefore } from './aftermath.ts';
import { judge } from './judge.ts';
import type { Tally } from './tally.ts';
import { World } from './world.ts';

const KIB = 1024;
/** What is left free on the disk, in KiB: from too little for a lease to enough for all but the last objects. */
const FREE = [0, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024];
const ROOMY = '512m';

/** Lets the disk of the repository run full in the middle of backups and of the archiving beside them. Needs root. */
export async function fullDisk(tally: Tally): Promise<void> {
  if (process.getuid?.() !== 0) {
    tally.say('left out: it mounts a tmpfs, and only root may');
    return;
  }
  await using world = await World.make();
  mkdirSync(world.repository);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${ROOMY},mode=0777`, 'hoard-campaign', world.repository]);
  const unmount = (): void => void spawnSync('umount', ['-l', world.repository]);
  process.on('exit', unmount);
  try {
    mkdirSync(`${world.repository}/.hoard-store`, { mode: 0o777 });
    const first = await world.apply();
    tally.check(first.status === 0, 'the first apply', `ended ${first.status}`, () => first.stderr);
    for (const free of FREE) await fillUp(world, tally, free);
  } finally {
    unmount();
    process.off('exit', unmount);
  }
}

async function fillUp(world: World, tally: Tally, free: number): Promise<void> {
  const where = `${free} KiB free`;
  await tally.attempt(where, async () => {
    await world.change();
    const before = observeBefore(world);
    await world.slot();
    world.policies('due');
    resize(world, `${usedKib(world) + free}k`);
    const [, applied] = await Promise.all([world.server.query('select pg_switch_wal()'), world.apply()]);
    world.policies('settled');
    tally.count(applied.status === 0 ? 'runs that got through' : 'full disks');
    if (applied.status !== 0) {
      tally.check(
        /space|full|quota/i.test(applied.stderr + applied.stdout),
        where,
        'it does not say that the disk is full',
        () => applied.stderr + applied.stdout,
      );
    }
    await checkTruth(world, tally, before, where);
    const lost = [...before.wal.keys()].filter((name) => !judge(world.repository).wal.has(name));
    if (applied.status !== 0) tally.check(lost.length === 0, where, 'acknowledged WAL is lost', () => lost.join());
    resize(world, ROOMY);
    await checkConvergence(world, tally, where, 1);
    tally.say(`${where}: ${applied.status}`);
  });
  resize(world, ROOMY);
}

const resize = (world: World, size: string): void =>
  void execFileSync('mount', ['-o', `remount,size=${size}`, world.repository]);

function usedKib(world: World): number {
  const { bsize, blocks, bfree } = statfsSync(world.repository);
  return ((blocks - bfree) * bsize) / KIB;
}
