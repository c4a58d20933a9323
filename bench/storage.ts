/**
 * Stores and reads back 64 objects of 16 MiB and 10,000 of 4 KiB, by hoard and by the plain SDK or client with the same concurrency, each in
 * a process of its own, against the same real server. They take turns, a slice of the objects each: what else the machine does meets both.
 *
 *   node bench/storage.ts [local|s3|azure|gcs|swift|sftp …] [--runs 1] [--large 64] [--small 10000]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { BenchBackend } from './storage/backend.ts';
import { BACKEND_NAMES, loadBackend } from './storage/backends.ts';
import type { Slice, Taken, Task } from './storage/worker.ts';
import { WorkerProcess } from './storage/worker-process.ts';
import { mebibytes, print } from './table.ts';

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
/** Of each operation and run; each has a ratio. */
const SLICES = 8;
const CLIENTS = ['plain', 'hoard'] as const;
const OPERATIONS = ['put', 'get'] as const;

type Client = Task['client'];
type Pair = Readonly<Record<Client, Taken>>;
type Pairs = Record<Slice['operation'], Pair[]>;

print(
  `Measured on ${os.availableParallelism()} cores at a load of ${load()}, ${values.runs} run(s) of ${SLICES} turns each.\n`,
);
print('| | put s | get s | put cpu s | get cpu s | peak MiB | put x | get x | put cpu x | get cpu x |');
print('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |');
for (const name of positionals.length > 0 ? positionals : BACKEND_NAMES) {
  const backend = await loadBackend(name);
  const missing = backend.missing();
  if (missing === undefined) await compare(name, backend);
  else print(`| ${name}: not run, ${missing} |`);
}
print(`\nLoad at the end: ${load()}.`);

async function compare(name: string, backend: BenchBackend): Promise<void> {
  for (const { name: size, count, ...workload } of WORKLOADS) {
    if (count === 0) continue;
    const pairs: Pairs = { put: [], get: [] };
    for (let run = 0; run < Number(values.runs); run += 1)
      await onServer(backend, async (at) => {
        const start = (client: Client): Promise<WorkerProcess> =>
          WorkerProcess.start({ ...workload, backend: name, client, place: client, at });
        await using plain = await start('plain');
        await using hoard = await start('hoard');
        await takeTurns({ plain, hoard }, count, pairs);
      });
    const title = `${name}, ${count} x ${size}`;
    for (const client of CLIENTS) print(`| ${[`${title}, ${client}`, ...figures(pairs, client)].join(' | ')} |`);
  }
}

/** A server for each run: what one keeps, some of them in memory, is gone before the next. */
async function onServer(backend: BenchBackend, work: (at: Task['at']) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-bench-'));
  try {
    await using server = await backend.serve(folder);
    await work(server.at);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function takeTurns(workers: Readonly<Record<Client, WorkerProcess>>, count: number, pairs: Pairs): Promise<void> {
  for (const operation of OPERATIONS) {
    for (let turn = 0; turn < SLICES; turn += 1) {
      const [from, to] = [Math.floor((turn * count) / SLICES), Math.floor(((turn + 1) * count) / SLICES)];
      const taken: Partial<Record<Client, Taken>> = {};
      // Beginning with another each time: the server's caches and its growth are nobody's advantage.
      for (const client of turn % 2 === 0 ? CLIENTS : CLIENTS.toReversed())
        taken[client] = await workers[client].take({ operation, from, to });
      pairs[operation].push(taken as Pair);
    }
  }
}

/** The seconds of one run, the highest peak, and for hoard the medians of the plain client's time over its own, turn by turn. */
function figures(pairs: Pairs, client: Client): readonly string[] {
  const sum = (operation: Slice['operation'], figure: 'seconds' | 'cpuSeconds'): string =>
    (pairs[operation].reduce((total, pair) => total + pair[client][figure], 0) / Number(values.runs)).toFixed(2);
  const ratio = (operation: Slice['operation'], figure: 'seconds' | 'cpuSeconds'): string =>
    median(pairs[operation].map(({ plain, hoard }) => plain[figure] / hoard[figure])).toFixed(2);
  const peaks = OPERATIONS.flatMap((operation) => pairs[operation].map((pair) => pair[client].peakBytes));
  const both = ['seconds', 'cpuSeconds'] as const;
  return [
    ...both.flatMap((figure) => OPERATIONS.map((operation) => sum(operation, figure))),
    mebibytes(Math.max(...peaks)),
    ...both.flatMap((figure) => OPERATIONS.map((operation) => (client === 'hoard' ? ratio(operation, figure) : ''))),
  ];
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

function load(): string {
  return (os.loadavg()[0] ?? 0).toFixed(1);
}
