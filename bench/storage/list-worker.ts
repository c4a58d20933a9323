/** One process of bench/list-million.ts: lists a prefix by hoard. Prints how many there were and the most that the heap held. */
import { loadBackend } from './backends.ts';
import { openBenchStore } from './hoard-client.ts';

const task: { readonly backend: string; readonly prefix: string; readonly at: Readonly<Record<string, string>> } =
  JSON.parse(process.argv[2] ?? '');
const backend = await loadBackend(task.backend);
const store = await openBenchStore(backend.declare(task.at), task.at);
let listed = 0;
let heapBytes = 0;
let before = '';
for await (const page of store.list(task.prefix, { signal: new AbortController().signal })) {
  for (const { key } of page) {
    if (key <= before) throw new Error(`${key} comes after ${before}`);
    before = key;
  }
  listed += page.length;
  heapBytes = Math.max(heapBytes, process.memoryUsage().heapUsed);
}
await store.close();
process.stdout.write(JSON.stringify({ listed, heapBytes }));
process.exit(0);
