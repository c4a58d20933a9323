/**
 * One process of bench/list-million.ts: lists a prefix by hoard. Prints how much memory it had at parts of the way; with --expose-gc what was
 * still in use after a collection. `keep` holds every page, as a listing that does not stream would.
 */
import { loadBackend } from './backends.ts';
import { openBenchStore } from './hoard-client.ts';

interface Task {
  readonly backend: string;
  readonly prefix: string;
  readonly at: Readonly<Record<string, string>>;
  readonly marks: readonly number[];
  readonly keep: boolean;
}

const task: Task = JSON.parse(process.argv[2] ?? '');
const backend = await loadBackend(task.backend);
const store = await openBenchStore(backend.declare(task.at), task.at);
const kept: unknown[] = [];
const memory: { readonly resident: number; readonly heap: number }[] = [];
let listed = 0;
let before = '';
for await (const page of store.list(task.prefix, { signal: new AbortController().signal })) {
  for (const { key } of page) {
    if (key <= before) throw new Error(`${key} comes after ${before}`);
    before = key;
  }
  listed += page.length;
  if (task.keep) kept.push(page);
  while (listed >= (task.marks[memory.length] ?? Number.POSITIVE_INFINITY)) {
    global.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    memory.push({ resident: rss, heap: heapUsed + external });
  }
}
await store.close();
process.stdout.write(JSON.stringify({ listed, memory }));
process.exit(0);
