/**
 * Lists 1,000,000 objects, and the tenth of them below one prefix, each in a process of its own. Prints its resident memory on the way, then
 * what is in use after a collection, under a limit of the heap; a listing that keeps what it has seen has to fail under the same limit.
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
const MARKS = [0.1, 0.25, 0.5, 0.75, 1];
/** The old generation of the heap, in MiB: what the SDK and a page need, and not what a million entries take (about 150 MiB). */
const HEAP_LIMIT = 64;
const LIMITED = ['--expose-gc', `--max-old-space-size=${HEAP_LIMIT}`];

interface Listing {
  readonly backend: string;
  readonly at: Readonly<Record<string, string>>;
  readonly prefix: string;
  readonly count: number;
}

print(`${os.availableParallelism()} cores; resident MiB at parts of the way, and its peak\n`);
print(row(['', 'objects', ...MARKS.map((mark) => `${mark * 100} %`), 'peak', 'seconds', 'cpu s']));
for (const name of positionals.length > 0 ? positionals : ['local', 's3']) {
  const backend = await loadBackend(name);
  const missing = backend.missing();
  if (missing === undefined) await compare(name, backend);
  else print(`${name}: not run, ${missing}`);
}

async function compare(name: string, backend: BenchBackend): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-bench-'));
  try {
    await using server = await backend.serve(folder);
    const few = Math.ceil(objects / 10);
    const begun = performance.now();
    const made = (before: number) => (count: number) =>
      process.stderr.write(
        `${name}: ${before + count} objects after ${((performance.now() - begun) / 1000).toFixed(0)} s\n`,
      );
    await fillStore(backend, server, 'few', few, made(0));
    await fillStore(backend, server, 'rest', objects - few, made(few));
    const listings = [
      { backend: name, at: server.at, prefix: 'few/', count: few },
      { backend: name, at: server.at, prefix: '', count: objects },
    ];
    for (const listing of listings) {
      await list(name, listing, [], 'resident');
      await list(`${name}, in use, heap of ${HEAP_LIMIT} MiB`, listing, LIMITED, 'heap');
    }
    for (const listing of listings.slice(1)) await requireFailure(name, listing);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function list(
  title: string,
  listing: Listing,
  flags: readonly string[],
  figure: 'resident' | 'heap',
): Promise<void> {
  const { stdout, peakBytes, cpuSeconds, wallSeconds } = await run(listing, flags, false);
  const { listed, memory }: { listed: number; memory: Record<typeof figure, number>[] } = JSON.parse(stdout);
  if (listed !== listing.count) throw new Error(`${listed} of ${listing.count} objects were listed`);
  const samples = memory.map((sample) => mebibytes(sample[figure]));
  print(row([title, String(listed), ...samples, mebibytes(peakBytes), wallSeconds.toFixed(1), cpuSeconds.toFixed(1)]));
}

/** Without this the limit would prove nothing. */
async function requireFailure(name: string, listing: Listing): Promise<void> {
  const failure = await run(listing, LIMITED, true).then(
    () => undefined,
    (error: unknown) => String(error),
  );
  if (failure === undefined)
    print(`${name}: ${listing.count} objects can be kept under the limit, which proves nothing`);
  else if (!failure.includes('heap out of memory')) throw new Error(failure);
  else print(`${name}: a listing that keeps its ${listing.count} entries does not fit into that heap`);
}

async function run({ count, ...listing }: Listing, flags: readonly string[], keep: boolean) {
  const task = { ...listing, keep, marks: MARKS.map((mark) => mark * count) };
  return measure(process.execPath, [...flags, WORKER, JSON.stringify(task)]);
}
