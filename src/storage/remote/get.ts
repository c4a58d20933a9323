import { Failure } from '../../domain/failure.ts';
import { checkKey, checkRange } from '../object-key.ts';
import type { GetOptions, ObjectBody } from '../object-store.ts';
import { RemoteBody } from './remote-body.ts';
import type { RemoteParts } from './remote-parts.ts';

/** ObjectStore.get. */
export async function getObject(remote: RemoteParts, key: string, options: GetOptions): Promise<ObjectBody> {
  checkKey(key);
  checkRange(options.range);
  options.signal.throwIfAborted();
  const { range, signal } = options;
  if (range?.length === 0) return emptyRange(remote, key, range.offset, signal);
  const body = new RemoteBody(remote, key, range, signal);
  await body.open();
  return body;
}

/** Stores have no empty ranges: whether there could be one, the object's size says. */
async function emptyRange(
  { driver, attempts }: RemoteParts,
  key: string,
  offset: number,
  signal: AbortSignal,
): Promise<ObjectBody> {
  const found = await attempts.run(signal, async () => driver.head(key, { signal }));
  if (found === undefined) {
    throw new Failure('store.not-found', { message: `there is no object "${key}" in ${driver.description}` });
  }
  if (offset > found.size) {
    throw new Failure('store.incomplete', {
      message: `${key} has ${found.size} bytes, but the range begins at ${offset}`,
    });
  }
  return nothing();
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // An empty body.
}
