/**
 * Restores a backup with hoard, next to `zstd -dc | tar x` of pg_basebackup's file with an fsync of every file afterwards, which hoard does too:
 *
 *   node bench/restore.ts [--bytes 2000000000] [--runs 3]
 *
 * hoard's figures contain its start, preflight, the verification of every chunk, and pg_control put in place at the end.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { findProgram } from '../support/embedded-postgres.ts';
import { baseBackupArguments, fill, startBenchServer, writePolicies } from './cluster.ts';
import { type Measured, measure, median } from './measure.ts';
import { line, mebibytes, print, ratios, row } from './table.ts';

const { values } = parseArgs({
  options: { bytes: { type: 'string', default: '2000000000' }, runs: { type: 'string', default: '3' } },
});
const program = findProgram('pg_basebackup');
const server = await startBenchServer();
const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-bench-'));
try {
  const size = await fill(server, Number(values.bytes));
  const hoard = writePolicies(folder, server, 'none');
  await measure(process.execPath, [...hoard, 'backup', 'take', 'bench']);
  const base = path.join(folder, 'base');
  if (program !== undefined) await measure(program, baseBackupArguments(server, base, ['--compress=client-zstd:3']));
  print(
    `PostgreSQL ${server.major}, ${(size / 1e9).toFixed(2)} GB, ${os.availableParallelism()} cores, median of ${values.runs} runs\n`,
  );
  const own: Measured[] = [];
  const peer: Measured[] = [];
  const target = path.join(folder, 'target');
  for (let run = 0; run < Number(values.runs); run += 1) {
    rmSync(target, { recursive: true, force: true });
    const to = ['restore', 'bench', '--to', target, '--target-immediate', '--no-archive'];
    own.push(await measure(process.execPath, [...hoard, ...to]));
    if (program === undefined) continue;
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target);
    const script = 'zstd -dc "$1" | tar x -C "$2" && find "$2" -type f -print0 | xargs -0 sync';
    peer.push(await measure('sh', ['-c', script, 'sh', path.join(base, 'base.tar.zst'), target]));
  }
  print(row(['restore', 'wall s', 'cpu s', 'peak MiB']));
  print(line('hoard', median(own)));
  if (peer.length === 0) {
    print('no pg_basebackup on this machine to compare with');
  } else {
    print(line('zstd -dc | tar x, fsync each', median(peer)));
    print(`\nhoard takes ${ratios(own, peer)} of tar's`);
  }
  print(`peak memory of hoard: ${mebibytes(Math.max(...own.map(({ peakBytes }) => peakBytes)))} MiB (limit 400)`);
} finally {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
}
