/** One process of bench/storage.ts: puts and gets by one client. Prints the seconds of both. */
import { randomFillSync } from 'node:crypto';
import { mapBounded } from '../../src/storage/bounded.ts';
import { loadBackend } from './backends.ts';
import { hoardClient } from './hoard-client.ts';

interface Task {
  readonly backend: string;
  readonly client: 'hoard' | 'plain';
  readonly count: number;
  readonly bytes: number;
  readonly concurrency: number;
  readonly place: string;
  readonly at: Readonly<Record<string, string>>;
}

const { signal } = new AbortController();
const task: Task = JSON.parse(process.argv[2] ?? '');
const backend = await loadBackend(task.backend);
const client =
  task.client === 'plain' ? await backend.plain(task.at) : await hoardClient(backend.declare(task.at), task.at);
const body = randomFillSync(Buffer.alloc(task.bytes));
const keys = Array.from({ length: task.count }, (_, index) => `${task.place}/${String(index).padStart(6, '0')}`);
// The first request opens connections and logs in.
await client.put(`${task.place}/first`, body);

const putSeconds = await timed((key) => client.put(key, body));
const getSeconds = await timed(async (key) => {
  let length = 0;
  for await (const piece of await client.get(key)) length += piece.length;
  if (length !== task.bytes) throw new Error(`${key} came back with ${length} bytes`);
});
await client.close?.();
process.stdout.write(JSON.stringify({ putSeconds, getSeconds }));
process.exit(0);

async function timed(work: (key: string) => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await mapBounded(keys, task.concurrency, signal, work);
  return (performance.now() - begun) / 1000;
}
