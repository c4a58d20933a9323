import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ObjectBody } from '../../src/storage/object-store.ts';

export const NEVER: AbortSignal = new AbortController().signal;

export async function* bodyOf(...pieces: readonly (Uint8Array | string)[]): ObjectBody {
  for (const piece of pieces) yield typeof piece === 'string' ? Buffer.from(piece) : piece;
}

export async function bytesOf(body: ObjectBody): Promise<Buffer> {
  return Buffer.concat(await collect(body));
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Bytes that differ at every position, so that a shifted or repeated piece is noticed; the same for the same arguments. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** Array buffers that are still reachable, in bytes: what a garbage collection cannot free. */
export function retainedBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  // Twice: buffers found dead by the first round are freed in the background, at the latest when the second begins.
  if (typeof collect === 'function') for (const _ of [1, 2]) collect();
  return process.memoryUsage().arrayBuffers;
}
