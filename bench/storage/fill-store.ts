import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { mapBounded } from '../../src/storage/bounded.ts';
import type { BenchBackend } from './backend.ts';

/** As the segments of a timeline lie: 256 to a folder. */
function keyOf(place: string, index: number): string {
  const folder = Math.floor(index / 256);
  return `${place}/${hex(folder)}/${hex(index)}-0000.zst`;
}

const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');

/** Writes small objects below `place`, past hoard: a directory is filled without its syncs, a store by its own SDK. */
export async function fillStore(
  backend: BenchBackend,
  at: Readonly<Record<string, string>>,
  place: string,
  count: number,
): Promise<void> {
  const keys = Array.from({ length: count }, (_, index) => keyOf(place, index));
  const root = at['directory'];
  if (root !== undefined) {
    for (const [index, key] of keys.entries()) {
      const file = path.join(root, key);
      if (index % 256 === 0) mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, '');
    }
    return;
  }
  const client = await backend.plain(at);
  const body = Buffer.from('x');
  await mapBounded(keys, 32, new AbortController().signal, (key) => client.put(key, body));
  await client.close?.();
}
