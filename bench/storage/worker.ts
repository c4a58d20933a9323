/** One process of bench/storage.ts: puts or gets a slice of its objects by one client each time it is told to, and says what it took. */
import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mapBounded } from '../../src/storage/bounded.ts';
import { loadBackend } from './backends.ts';
import { hoardClient } from './hoard-client.ts';

export interface Task {
  readonly backend: string;
  readonly client: 'hoard' | 'plain';
  readonly bytes: number;
  readonly concurrency: number;
  readonly place: string;
  readonly at: Readonly<Record<string, string>>;
}

/** Objects `from` to `to`, without the last. */
export interface Slice {
  readonly operation: 'put' | 'get';
  readonly from: number;
  readonly to: number;
}

export interface Taken {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Of the whole process until now. */
  readonly peakBytes: number;
}

const REACH_TRIES = 5;

const { signal } = new AbortController();
const task: Task = JSON.parse(process.argv[2] ?? '');
const backend = await loadBackend(task.backend);
const client =
  task.client === 'plain' ? await backend.plain(task.at) : await hoardClient(backend.declare(task.at), task.at);
const body = randomFillSync(Buffer.alloc(task.bytes));

process.on('message', (slice: Slice) => {
  void take(slice).then((taken) => process.send?.(taken));
});
process.once('disconnect', () => process.exit(0));
process.send?.('ready');

async function take({ operation, from, to }: Slice): Promise<Taken> {
  await reach();
  const keys = Array.from(
    { length: to - from },
    (_, index) => `${task.place}/${String(from + index).padStart(6, '0')}`,
  );
  const cpu = process.cpuUsage();
  const begun = performance.now();
  await mapBounded(keys, task.concurrency, signal, operation === 'put' ? (key) => client.put(key, body) : get);
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { seconds, cpuSeconds: (user + system) / 1e6, peakBytes: peak() };
}

/** Opens a connection, logs in, and notices what the server has closed while the others had their turn: a plain client tries nothing again. */
async function reach(): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await client.put(`${task.place}/first`, body);
      return;
    } catch (error) {
      if (tries === REACH_TRIES) throw error;
    }
  }
}

async function get(key: string): Promise<void> {
  let length = 0;
  for await (const piece of await client.get(key)) length += piece.length;
  if (length !== task.bytes) throw new Error(`${key} came back with ${length} bytes`);
}

function peak(): number {
  const [, kibibytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}
