import { Failure, isFailure } from '../domain/failure.ts';
import type { ObjectInfo, ObjectStore, PutOptions } from '../storage/object-store.ts';

/** A whole small object in memory. `store.not-found` as the store says it, `object.corrupt` above `limit` bytes. */
export async function readSmallObject(
  store: ObjectStore,
  key: string,
  limit: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of await store.get(key, { signal })) {
    size += piece.byteLength;
    if (size > limit) throw new Failure('object.corrupt', { message: `${key} is larger than ${limit} bytes` });
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** As readSmallObject, but undefined where the store says that there is no such object. */
export async function readSmallObjectIfThere(
  store: ObjectStore,
  key: string,
  limit: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  try {
    return await readSmallObject(store, key, limit, signal);
  } catch (error) {
    if (isFailure(error, 'store.not-found')) return undefined;
    throw error;
  }
}

/** Creates a small object; false where the name is taken. */
export async function createSmallObject(
  store: ObjectStore,
  key: string,
  bytes: Uint8Array,
  signal: AbortSignal,
  options: Pick<PutOptions, 'unlocked'> = {},
): Promise<boolean> {
  try {
    await store.put(key, once(bytes), { ...options, size: bytes.byteLength, ifAbsent: true, signal });
    return true;
  } catch (error) {
    if (isFailure(error, 'store.exists')) return false;
    throw error;
  }
}

/** All objects with a prefix, collected. Only for prefixes that are known to hold few. */
export async function listAll(store: ObjectStore, prefix: string, signal: AbortSignal): Promise<readonly ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for await (const page of store.list(prefix, { signal })) for (const each of page) found.push(each);
  return found;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
