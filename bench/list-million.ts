/**
 * Lists 1,000,000 objects in a process of its own, beside a tenth of them: the difference of the two peaks is what the listing holds.
 *
 *   node bench/list-million.ts [local|s3 …] [--objects 1000000]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { measure } from './measure.ts';
import type { BenchBackend } from './storage/backend.ts';
import { loadBackend } from './storage/backends.ts';
import { fillStore } from './storage/fill-store.ts';
import { mebibytes, print, row } from './table.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { objects: { type: 'string', default: '1000000' } },
});
const objects = Number(values.objects);
const WORKER = path.join(import.meta.dirname, 'storage/list-worker.ts');

print(row(['listing', 'objects', 'seconds', 'cpu s', 'peak MiB', 'heap MiB']));
for (const name of positionals.length > 0 ? positionals : ['local', 's3']) {
  const backend = await loadBackend(name);
  const missing = backend.missing();
  if (missing === undefined) await list(name, backend);
  else print(`${name}: not run, ${missing}`);
}

async function list(name: string, backend: BenchBackend): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-bench-'));
  try {
    await using server = await backend.serve(folder);
    for (const [place, count] of [
      ['few', Math.ceil(objects / 10)],
      ['all', objects],
    ] as const) {
      await fillStore(backend, server.at, place, count);
      const task = JSON.stringify({ backend: name, prefix: `${place}/`, at: server.at });
      const { stdout, peakBytes, cpuSeconds, wallSeconds } = await measure(process.execPath, [WORKER, task]);
      const { listed, heapBytes }: { listed: number; heapBytes: number } = JSON.parse(stdout);
      if (listed !== count) throw new Error(`${listed} of ${count} objects were listed`);
      const figures = [wallSeconds.toFixed(2), cpuSeconds.toFixed(2), mebibytes(peakBytes), mebibytes(heapBytes)];
      print(row([name, String(listed), ...figures]));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
