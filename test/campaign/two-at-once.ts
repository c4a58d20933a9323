import { setTimeout as sleep } from 'node:timers/promises';
import { checkConvergence, checkTruth, observeBefore } from './aftermath.ts';
import type { Tally } from './tally.ts';
import { SIGKILLED, World } from './world.ts';

const ROUNDS = 8;
/** Done, and lease held by another. */
const FINE = new Set([0, 11]);

/** Two hoards at the same work; in every other round one of them is killed at some time. */
export async function twoAtOnce(tally: Tally): Promise<void> {
  await using world = await World.make();
  tally.check((await world.apply()).status === 0, 'the first apply', 'failed');
  for (const other of [
    ['apply', '--yes'],
    ['backup', 'take'],
  ]) {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const kills = round % 2 === 0;
      const where = `apply and ${other.join(' ')}, round ${round}${kills ? ', one killed' : ''}`;
      await tally.attempt(where, async () => {
        await world.change();
        const before = observeBefore(world);
        await world.slot();
        world.policies('due');
        const delay = 300 + Math.random() * 1500;
        const results = await Promise.all([
          world.apply({}, (child) => {
            if (kills) void sleep(delay).then(() => child.kill('SIGKILL'));
          }),
          world.hoard(other),
        ]);
        world.policies('settled');
        for (const { status, stderr } of results) {
          if (status === SIGKILLED) tally.count('kills');
          else tally.check(FINE.has(status), where, `one ended ${status}`, () => stderr);
        }
        tally.count('pairs');
        await checkTruth(world, tally, before, where);
        // At most half of the backups go in one apply.
        await world.apply();
        await checkConvergence(world, tally, where, 1);
        tally.say(`${where}: ${results.map(({ status }) => status).join(' and ')}`);
      });
    }
  }
}
