// npm start: a PostgreSQL with changing data is backed up by the policies in this folder, loses its data, and is restored to the moment
// before. Every step uses the same commands as a person would; every claim at the end is compared with what was recorded before
// the loss. Ends non-zero if anything was not as claimed. With --keep the restored server and all files stay.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { giveToServer, type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { hoard, launcherArgs } from './hoard-command.ts';
import { startShop } from './shop.ts';

const POSTGRES_MAJOR = 18;
const { values: flags } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });

const workspace = mkdtempSync(path.join(os.tmpdir(), 'hoard-quickstart-'));
const policies = path.join(workspace, 'policies');
const restored = path.join(workspace, 'restored');
const servers: PostgresServer[] = [];
const failures: string[] = [];
let kept = false;

try {
  await demonstrate();
} finally {
  if (!kept) {
    for (const server of servers) await server[Symbol.asyncDispose]();
    rmSync(workspace, { recursive: true, force: true });
  }
}
process.exitCode = failures.length === 0 ? 0 : 1;

async function demonstrate(): Promise<void> {
  heading(`PostgreSQL ${POSTGRES_MAJOR} starts, with archive_command = hoard wal push`);
  cpSync(path.join(import.meta.dirname, 'policies'), policies, { recursive: true });
  giveToServer(workspace);
  const primary = await startPostgres({
    server: POSTGRES_MAJOR,
    settings: {
      archive_mode: 'on',
      archive_command: [...launcherArgs(policies), 'wal', 'push', '%p'].map(shellWord).join(' '),
      archive_timeout: 60,
    },
  });
  servers.push(primary);
  const environment = { HOARD_MAIN_URI: primary.connectionUri() };
  const shop = await startShop(primary);
  say(`an order is written every few milliseconds; ${await shop.orders()} so far`);

  heading('What the policies ask for, compared with what is there');
  await hoard(['validate'], policies, environment);
  await hoard(['plan'], policies, environment);

  heading('Close the difference');
  await hoard(['apply', '--yes'], policies, environment);
  await hoard(['plan', '--detailed-exitcode'], policies, environment);

  heading('Life goes on');
  await sleep(2000);
  await primary.query('select pg_switch_wal()');
  await sleep(1000);
  say(`${await shop.orders()} orders by now`);
  await hoard(['status'], policies, environment);

  heading('The accident: DROP TABLE orders, and then the data directory is lost');
  const before = await shop.remember();
  say(`${before.orders} orders at ${before.at.toISOString()}; the next statement is DROP TABLE orders`);
  const droppedAt = await shop.drop();
  await archiveEverything(primary);
  await shop.stop();
  await primary.kill();
  rmSync(primary.dataDirectory, { recursive: true });
  say(`the server was killed and ${primary.dataDirectory} removed`);

  heading('Restore to the moment before');
  const started = performance.now();
  await hoard(['restore', 'main', '--to', restored, '--target-time', before.at.toISOString()], policies, environment);
  const filesReady = performance.now();
  const revived = await startPostgres({ server: POSTGRES_MAJOR, dataDirectory: restored, readyWithin: 60_000 });
  servers.push(revived);
  await revived.waitUntilRecovered(60_000);
  const ended = performance.now();

  const after = await shop.inspect(revived);
  check(after.orders === before.orders, `${after.orders} of ${before.orders} orders are back`);
  check(after.fingerprint === before.fingerprint, `every row is the same (fingerprint ${after.fingerprint})`);
  check(after.laterHeartbeats === 0, `nothing written after ${before.at.toISOString()} is there`);
  check(after.timeline > 1, `the restored server writes on a timeline of its own (${after.timeline})`);

  heading('Proven');
  const lost = (droppedAt.getTime() - after.lastOrderAt.getTime()) / 1000;
  check(lost < 5, `seconds lost: ${lost.toFixed(2)} (from the last restored order to the DROP TABLE)`);
  say(`recovery point: ${after.lastOrderAt.toISOString()}, LSN ${after.recoveredLsn}`);
  say(
    `time taken: ${seconds(ended - started)} (files ${seconds(filesReady - started)}, start and replay ${seconds(ended - filesReady)})`,
  );
  for (const failure of failures) say(`NOT as claimed: ${failure}`);

  if (flags.keep && failures.length === 0) {
    revived.release();
    await primary[Symbol.asyncDispose]();
    kept = true;
    say(`kept running: psql ${revived.connectionUri()}`);
    say(`policies and repository: ${policies}`);
    say(`to end it: kill -INT ${revived.pid} && rm -rf ${workspace} ${path.dirname(revived.socketDirectory)}`);
  }
}

/** Switches to a new segment and waits until everything before it has been archived. */
async function archiveEverything(server: PostgresServer): Promise<void> {
  const [row] = await server.query<{ name: string }>('select pg_walfile_name(pg_switch_wal()) as name');
  const end = performance.now() + 60_000;
  for (;;) {
    const [archiver] = await server.query<{ done: boolean; failed: string | null }>(
      'select coalesce(last_archived_wal >= $1, false) as done, last_failed_wal as failed from pg_stat_archiver',
      [row?.name],
    );
    if (archiver?.done) return;
    if (performance.now() > end)
      throw new Error(`WAL was not archived; last failed: ${archiver?.failed}\n${server.log()}`);
    await sleep(50);
  }
}

function check(holds: boolean, claim: string): void {
  say(`${holds ? 'ok' : 'FAILED'}: ${claim}`);
  if (!holds) failures.push(claim);
}

function heading(text: string): void {
  process.stdout.write(`\n── ${text}\n`);
}

function say(text: string): void {
  process.stdout.write(`   ${text}\n`);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function shellWord(word: string): string {
  return /^[\w./:=%-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
