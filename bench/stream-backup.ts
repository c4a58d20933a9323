/**
 * Backs up a cluster over the replication protocol, next to pg_basebackup where there is one:
 *
 *   node bench/stream-backup.ts [--bytes 2000000000] [--runs 3]
 *
 * Prints wall and CPU seconds and the peak memory of each program (the server's own work is not in it), what was stored, and then what a second backup
 * stores after 1 % of a table's rows changed.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createLocalStore } from '../src/storage/local/local-store.ts';
import { findProgram, type PostgresServer } from '../support/embedded-postgres.ts';
import { baseBackupArguments, fill, startBenchServer } from './cluster.ts';
import { type Measured, measure, median } from './measure.ts';
import { line, mebibytes, print, ratios, row } from './table.ts';

const { values } = parseArgs({
  options: { bytes: { type: 'string', default: '2000000000' }, runs: { type: 'string', default: '3' } },
});
const bytes = Number(values.bytes);
const runs = Number(values.runs);
const program = findProgram('pg_basebackup');
const server = await startBenchServer();
const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-bench-'));
try {
  const size = await fill(server, bytes);
  print(
    `PostgreSQL ${server.major}, ${(size / 1e9).toFixed(2)} GB, ${os.availableParallelism()} cores, median of ${runs} runs\n`,
  );
  print(row(['full backup', 'wall s', 'cpu s', 'peak MiB', 'stored MB']));

  const own: Measured[] = [];
  const plain: Measured[] = [];
  const zstd: Measured[] = [];
  let stored = 0;
  let reference = { tar: 0, zstd: 0 };
  const repository = path.join(folder, 'repository');
  for (let run = 0; run < runs; run += 1) {
    rmSync(repository, { recursive: true, force: true });
    await createLocalStore(repository);
    const measured = await takeBackup(server, repository);
    own.push(measured);
    stored = storedBytes(measured);
    if (program === undefined) continue;
    plain.push(await baseBackup(program, server, []));
    reference = { ...reference, tar: statSync(path.join(folder, 'base', 'base.tar')).size };
    zstd.push(await baseBackup(program, server, ['--compress=client-zstd:3']));
    reference = { ...reference, zstd: statSync(path.join(folder, 'base', 'base.tar.zst')).size };
  }
  print(line('hoard, zstd 3, chunks hashed', median(own), stored));
  if (program === undefined) {
    print('no pg_basebackup on this machine to compare with');
  } else {
    print(line('pg_basebackup -Ft', median(plain), reference.tar));
    print(line('pg_basebackup -Ft client-zstd:3', median(zstd), reference.zstd));
    print(`\nhoard takes ${ratios(own, plain)} of pg_basebackup's, ${ratios(own, zstd)} of its with zstd`);
  }
  print(`peak memory of hoard: ${mebibytes(Math.max(...own.map(({ peakBytes }) => peakBytes)))} MiB (limit 400)`);

  const changed = await touch(server);
  const again = await takeBackup(server, repository);
  print(`\n${row(['second backup', 'wall s', 'cpu s', 'peak MiB', 'stored MB'])}`);
  print(line(`hoard, ${changed} rows (1 %) changed`, again, storedBytes(again)));
  const share = storedBytes(again) / stored;
  print(`it stores ${(share * 100).toFixed(1)} % of the first (limit 10)`);
  if (share >= 0.1) process.exitCode = 1;
} finally {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
}

async function touch(target: PostgresServer): Promise<number> {
  const [count] = await target.query<{ count: number }>('select count(*)::int as count from accounts');
  const rows = Math.round((count?.count ?? 0) / 100);
  const first = Math.round((count?.count ?? 0) / 3);
  await target.query(`update accounts set abalance = abalance + 1 where aid between ${first} and ${first + rows - 1}`);
  return rows;
}

function takeBackup(target: PostgresServer, repository: string): Promise<Measured> {
  return measure(process.execPath, [
    path.join(import.meta.dirname, 'backup-process.ts'),
    repository,
    target.connectionUri(),
  ]);
}

function baseBackup(pgBaseBackup: string, target: PostgresServer, options: readonly string[]): Promise<Measured> {
  const directory = path.join(folder, 'base');
  rmSync(directory, { recursive: true, force: true });
  return measure(pgBaseBackup, baseBackupArguments(target, directory, options));
}

function storedBytes({ stdout }: Measured): number {
  return Number(stdout.trim());
}
