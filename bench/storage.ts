/**
 * Stores and reads back 64 objects of 16 MiB and 10,000 of 4 KiB, by hoard and by the plain SDK or client with the same concurrency, in
 * turns against the same real server:
 *
 *   node bench/storage.ts [local|s3|azure|gcs|swift|sftp …] [--runs 1] [--large 64] [--small 10000]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { measure } from './measure.ts';
import type { BenchBackend } from './storage/backend.ts';
import { BACKEND_NAMES, loadBackend } from './storage/backends.ts';
import { mebibytes, print, row } from './table.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '1' },
    large: { type: 'string', default: '64' },
    small: { type: 'string', default: '10000' },
  },
});
const WORKLOADS = [
  { name: '16 MiB', count: Number(values.large), bytes: 16 * 2 ** 20, concurrency: 4 },
  { name: '4 KiB', count: Number(values.small), bytes: 4096, concurrency: 16 },
];
const WORKER = path.join(import.meta.dirname, 'storage/worker.ts');

interface Run {
  readonly putSeconds: number;
  readonly getSeconds: number;
  readonly peakBytes: number;
  readonly cpuSeconds: number;
}

print(`${os.availableParallelism()} cores, medians of ${values.runs}\n`);
print(row(['', 'put s', 'get s', 'cpu s', 'peak MiB', 'put x', 'get x']));
for (const name of positionals.length > 0 ? positionals : BACKEND_NAMES) {
  const backend = await loadBackend(name);
  const missing = backend.missing();
  if (missing === undefined) await compare(name, backend);
  else print(`${name}: not run, ${missing}`);
}

async function compare(name: string, backend: BenchBackend): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-bench-'));
  try {
    await using server = await backend.serve(folder);
    for (const workload of WORKLOADS) {
      const hoard: Run[] = [];
      const plain: Run[] = [];
      for (let run = 0; run < Number(values.runs); run += 1) {
        // In turns, beginning with another each time: the server's caches and its growth are nobody's advantage.
        for (const client of run % 2 === 0 ? (['plain', 'hoard'] as const) : (['hoard', 'plain'] as const)) {
          const task = {
            ...workload,
            backend: name,
            client,
            place: `${client}-${workload.bytes}-${run}`,
            at: server.at,
          };
          const { stdout, peakBytes, cpuSeconds } = await measure(process.execPath, [WORKER, JSON.stringify(task)]);
          const { putSeconds, getSeconds }: { putSeconds: number; getSeconds: number } = JSON.parse(stdout);
          (client === 'hoard' ? hoard : plain).push({ putSeconds, getSeconds, peakBytes, cpuSeconds });
        }
      }
      const [own, peer] = [medians(hoard), medians(plain)];
      const title = `${name}, ${workload.count} x ${workload.name}`;
      const ratio = (a: number, b: number): string => (a / b).toFixed(2);
      print(row([`${title}, plain`, ...figures(peer)]));
      print(
        row([
          `${title}, hoard`,
          ...figures(own),
          ratio(peer.putSeconds, own.putSeconds),
          ratio(peer.getSeconds, own.getSeconds),
        ]),
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function figures({ putSeconds, getSeconds, cpuSeconds, peakBytes }: Run): readonly string[] {
  return [putSeconds.toFixed(2), getSeconds.toFixed(2), cpuSeconds.toFixed(2), mebibytes(peakBytes)];
}

/** Each figure's own median; of the peaks the highest. */
function medians(runs: readonly Run[]): Run {
  const middle = (figure: (run: Run) => number): number => {
    const sorted = runs.map(figure).toSorted((a, b) => a - b);
    return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  };
  return {
    putSeconds: middle((run) => run.putSeconds),
    getSeconds: middle((run) => run.getSeconds),
    cpuSeconds: middle((run) => run.cpuSeconds),
    peakBytes: Math.max(...runs.map((run) => run.peakBytes)),
  };
}
