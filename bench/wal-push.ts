/**
 * Pushes WAL segments as PostgreSQL's archive_command does, a process for each, next to `cp` and an fsync:
 *
 *   node bench/wal-push.ts [--segments 10]
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createLocalStore } from '../src/storage/local/local-store.ts';
import { fill, startBenchServer, writePolicies } from './cluster.ts';
import { type Measured, measure, median } from './measure.ts';
import { line, print, ratios, row } from './table.ts';

const { values } = parseArgs({ options: { segments: { type: 'string', default: '10' } } });
const segments = Number(values.segments);
const SEGMENT_BYTES = 16 * 2 ** 20;
const server = await startBenchServer();
const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-bench-'));
try {
  await fill(server, segments * SEGMENT_BYTES);
  // After its checkpoint no WAL is removed any more; changing every row writes more WAL than there is data.
  const first = await currentFile();
  await server.query('update accounts set abalance = abalance + 1');
  const hoard = writePolicies(folder, server, 'archive-command');
  await createLocalStore(path.join(folder, 'repository'));
  const copies = path.join(folder, 'copies');
  mkdirSync(copies);
  const source = path.join(server.dataDirectory, 'pg_wal');
  const last = await currentFile();
  const files = readdirSync(source)
    // The files after the current one are old ones that wait to be used again.
    .filter((name) => /^[0-9A-F]{24}$/.test(name) && name >= first && name < last)
    .toSorted()
    .slice(0, segments);
  const own: Measured[] = [];
  const peer: Measured[] = [];
  for (const file of files) {
    own.push(await measure(process.execPath, [...hoard, 'wal', 'push', path.join(source, file)]));
    const script = 'cp "$1" "$2" && sync "$2" "$(dirname "$2")"';
    peer.push(await measure('sh', ['-c', script, 'sh', path.join(source, file), path.join(copies, file)]));
  }
  print(`PostgreSQL ${server.major}, ${files.length} segments, ${os.availableParallelism()} cores, medians\n`);
  print(row(['one segment', 'wall s', 'cpu s', 'peak MiB']));
  print(line('hoard wal push, zstd 3', median(own)));
  print(line('cp, fsync', median(peer)));
  print(`\nhoard takes ${ratios(own, peer)} of cp's`);
} finally {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
}

async function currentFile(): Promise<string> {
  const [found] = await server.query<{ name: string }>('select pg_walfile_name(pg_current_wal_lsn()) as name');
  return found?.name ?? '';
}
