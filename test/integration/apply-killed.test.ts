import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { type CliResult, LAUNCHER, type PolicyFolder, policyFolder, runHoard } from '../support/hoard-cli.ts';
import { countChanges, killPointEnvironment, spreadPoints } from '../support/kill-points.ts';

/** How many of the changes that one apply makes below the repository it is killed at. */
const POINTS = 12;
const SIGKILLED = 137;

const QUICKSTART = readFileSync(
  path.resolve(import.meta.dirname, '../../examples/quickstart/policies/hoard.yaml'),
  'utf8',
);
// One backup is kept, and nothing beside it: every apply has something to remove.
const SETTLED = QUICKSTART.replace('window: 7d', 'prune: auto').replace('keep: { last: 2 }', 'keep: { last: 1 }');
// The same, with a backup that is due as soon as the newest is older than this.
const DUE_MILLISECONDS = 1000;
const DUE = SETTLED.replace('schedule: { cron: "0 2 * * *" }', 'schedule: { every: 1s }');

let place: PolicyFolder;
let server: PostgresServer;
/** When the last apply ended, which is after the start of the newest backup. */
let appliedAt = 0;

beforeAll(async () => {
  place = policyFolder(SETTLED);
  server = await startPostgres({
    server: 16,
    settings: {
      archive_mode: 'on',
      archive_command: `${process.execPath} ${LAUNCHER} -f ${place.policies} wal push %p`,
    },
  });
  await server.query('create table t as select g as id, md5(g::text) as text from generate_series(1, 5000) g');
  expect(await apply()).toMatchObject({ status: 0 });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

const hoard = (args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<CliResult> =>
  runHoard(['-f', place.policies, ...args], {
    cwd: place.folder,
    environment: { HOARD_MAIN_URI: server.connectionUri(), ...environment },
  });

async function apply(environment?: Readonly<Record<string, string>>): Promise<CliResult> {
  const result = await hoard(['apply', '--yes'], environment);
  appliedAt = Date.now();
  return result;
}

/** One apply that takes a backup and removes the one before. The server's own wal push is not under observation. */
async function applyDue(environment: Readonly<Record<string, string>>): Promise<CliResult> {
  // Any change makes new chunks, so that there is something to store.
  await server.query('update t set text = md5(random()::text) where id < 500');
  await sleep(Math.max(0, appliedAt + DUE_MILLISECONDS - Date.now()));
  place.write(DUE);
  const result = await apply(environment);
  place.write(SETTLED);
  return result;
}

interface Listed {
  readonly backups: readonly { readonly id: string; readonly restorable: boolean }[];
}
const listed = async (): Promise<Listed> =>
  JSON.parse((await hoard(['backup', 'list', '--output', 'json'])).stdout) as Listed;

describe('an apply that is killed', () => {
  it('at any change of the repository leaves a state that status tells truly and the next apply closes', async () => {
    const changes = await countChanges(place.repository, async (environment) => {
      expect(await applyDue(environment)).toMatchObject({ status: 0 });
    });
    expect(changes.length).toBeGreaterThan(20);
    let killed = 0;

    for (const point of spreadPoints(changes.length, POINTS)) {
      const where = `killed ${point.moment} change ${point.at} of ${changes.length} (${changes[point.at - 1]})`;
      const result = await applyDue(killPointEnvironment(place.repository, point));
      if (result.status === SIGKILLED) killed += 1;

      const status = JSON.parse((await hoard(['status', '--output', 'json'])).stdout) as {
        sites: [{ repositories: [{ state: string; backups: number }] }];
      };
      const { backups } = await listed();
      const [repository] = status.sites[0].repositories;
      expect(repository, where).toMatchObject({
        state: 'known',
        backups: backups.filter(({ restorable }) => restorable).length,
      });
      expect(repository.backups, where).toBeGreaterThan(0);
      for (const { id, restorable } of backups) {
        if (restorable) await expectRestorable(id, where);
      }

      const next = await apply();
      expect(next.status, `${where}\n${next.stderr}${next.stdout}`).toBe(0);
      const plan = await hoard(['plan', '--detailed-exitcode']);
      expect(plan.status, `${where}\n${plan.stderr}${plan.stdout}`).toBe(0);
      expect((await listed()).backups, where).toHaveLength(1);
    }
    // The number of changes varies a little between runs, so the last point may lie behind the end; the others do not.
    expect(killed).toBeGreaterThanOrEqual(POINTS - 2);
  }, 300_000);
});

/** The bytes come back as they were: restore checks every chunk against the manifest. */
async function expectRestorable(id: string, where: string): Promise<void> {
  const target = path.join(place.folder, `restored-${id}`);
  const restored = await hoard(['restore', '--backup', id, '--target-immediate', '--to', target]);
  expect(restored.status, `${where}\n${restored.stderr}`).toBe(0);
  rmSync(target, { recursive: true });
}
