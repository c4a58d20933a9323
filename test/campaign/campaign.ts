// npm run campaign [-- kill|properties|all] [-- NAME…]: the long tests, which npm test leaves out. Kills hoard at every change that it makes,
// and looks at what is left with a judge of its own. Ends 1 where anything was found.

import { fullDisk } from './full-disk.ts';
import { killApplyAfter, killApplyBefore, killTake } from './kill-backups.ts';
import { killPrune } from './kill-prune.ts';
import { killEncryptedPush, killPush, pushAtOnce } from './kill-push.ts';
import { killRestore } from './kill-restore.ts';
import { powerLoss } from './power-loss.ts';
import { otherProperties, planProperties, slowProperties } from './properties.ts';
import { randomKills } from './random-kills.ts';
import { stoppedBackup, stoppedPrune } from './stopped-holder.ts';
import { Tally } from './tally.ts';
import { twoAtOnce } from './two-at-once.ts';

type Scenario = (tally: Tally) => Promise<void>;

const KILL: Readonly<Record<string, Scenario>> = {
  'apply-after': killApplyAfter,
  'apply-before': killApplyBefore,
  take: killTake,
  restore: killRestore,
  prune: killPrune,
  push: killPush,
  'push-encrypted': killEncryptedPush,
  'stopped-backup': stoppedBackup,
  'stopped-prune': stoppedPrune,
  'power-loss': powerLoss,
  random: randomKills,
  'full-disk': fullDisk,
  'two-at-once': twoAtOnce,
  'push-at-once': pushAtOnce,
};
const PROPERTIES: Readonly<Record<string, Scenario>> = {
  'plan-properties': planProperties,
  'other-properties': otherProperties,
  'slow-properties': slowProperties,
};
const ALL: Readonly<Record<string, Scenario>> = { ...KILL, ...PROPERTIES };
const GROUPS: Readonly<Record<string, Readonly<Record<string, Scenario>>>> = {
  kill: KILL,
  properties: PROPERTIES,
  all: ALL,
};

const done: Tally[] = [];
// Also what was interrupted says how far it came.
process.on('exit', summarise);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const [first = 'all', ...rest] = process.argv.slice(2);
const chosen = GROUPS[first] ?? pick([first, ...rest]);
const queue = Object.entries(chosen);
// Two cores: while one scenario waits for PostgreSQL, another works.
const AT_ONCE = Number(process.env['CAMPAIGN_AT_ONCE'] ?? 3);
await Promise.all(Array.from({ length: AT_ONCE }, worker));

async function worker(): Promise<void> {
  for (;;) {
    const next = queue.shift();
    if (next === undefined) return;
    const [name, scenario] = next;
    const tally = new Tally(name);
    done.push(tally);
    tally.say('begins');
    await tally.attempt(name, () => scenario(tally));
    tally.say(`ends: ${tally.summary()}`);
  }
}

function summarise(): void {
  const faults = done.flatMap((tally) => tally.faults.map((fault) => `\nFAULT in ${tally.name}: ${fault}\n`));
  process.stdout.write(`\n${done.map((tally) => tally.summary()).join('\n')}\n${faults.join('')}`);
  if (faults.length > 0) process.exitCode = 1;
}

function pick(names: readonly string[]): Readonly<Record<string, Scenario>> {
  return Object.fromEntries(
    names.map((name) => {
      const scenario = ALL[name];
      if (scenario === undefined)
        throw new Error(`no such scenario: ${name}; there are ${Object.keys(ALL).join(', ')}`);
      return [name, scenario];
    }),
  );
}
