import { mapBounded } from '../../src/storage/bounded.ts';
import type { BenchBackend, BenchServer } from './backend.ts';

/** As the segments of a timeline lie: 256 to a folder. */
const FOLDER = 256;
/** Keys that are held at once: folders of which none is cut. */
const BATCH = 256 * FOLDER;

/** Makes `count` small objects below `place`, past hoard. */
export async function fillStore(
  backend: BenchBackend,
  server: BenchServer,
  place: string,
  count: number,
  made: (objects: number) => void,
): Promise<void> {
  const client = server.fill ? undefined : await backend.plain(server.at);
  const { signal } = new AbortController();
  for (let from = 0; from < count; from += BATCH) {
    const keys = Array.from({ length: Math.min(BATCH, count - from) }, (_, index) => keyOf(place, from + index));
    if (client) await mapBounded(keys, 32, signal, (key) => client.put(key, Buffer.from('x')));
    else await server.fill?.(keys);
    made(from + keys.length);
  }
  await client?.close?.();
}

const keyOf = (place: string, index: number): string =>
  `${place}/${hex(Math.floor(index / FOLDER))}/${hex(index)}-0000.zst`;

const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');
