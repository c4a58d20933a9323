import { Failure } from '../../domain/failure.ts';
import { mapBounded } from '../bounded.ts';
import { checkKey } from '../object-key.ts';
import type { CallOptions, DeleteResult } from '../object-store.ts';
import { isPassing } from './attempts.ts';
import type { RemoteParts } from './remote-parts.ts';

const BATCHES_AT_ONCE = 4;

/** ObjectStore.deleteMany. */
export async function deleteObjects(
  remote: RemoteParts,
  keys: readonly string[],
  { signal }: CallOptions,
): Promise<readonly DeleteResult[]> {
  for (const key of keys) checkKey(key);
  signal.throwIfAborted();
  const batches = chunked([...new Set(keys)], remote.driver.capabilities.deleteBatch);
  const results = new Map<string, DeleteResult>();
  await mapBounded(batches, BATCHES_AT_ONCE, signal, async (batch) => {
    for (const result of await deleteBatch(remote, batch, signal)) results.set(result.key, result);
  });
  return keys.map((key) => {
    const result = results.get(key);
    if (result === undefined) throw unanswered(remote, key);
    return result;
  });
}

/** Tries again the request as a whole, and the keys that failed for a passing reason. */
async function deleteBatch(
  { driver, attempts }: RemoteParts,
  batch: readonly string[],
  signal: AbortSignal,
): Promise<Iterable<DeleteResult>> {
  const results = new Map<string, DeleteResult>();
  let left = batch;
  try {
    await attempts.run(signal, async () => {
      for (const result of await driver.deleteBatch(left, { signal })) results.set(result.key, result);
      left = left.filter((key) => !isSettled(results.get(key)));
      const [first] = left;
      const failed = first === undefined ? undefined : results.get(first);
      if (failed?.kind === 'failed') throw failed.error;
      if (first !== undefined) throw unanswered({ driver }, first);
    });
  } catch (error) {
    signal.throwIfAborted();
    // Where the store answered about every key, the results say what happened.
    if (batch.some((key) => !results.has(key))) throw error;
  }
  return results.values();
}

const isSettled = (result: DeleteResult | undefined): boolean =>
  result !== undefined && !(result.kind === 'failed' && isPassing(result.error));

function unanswered({ driver }: Pick<RemoteParts, 'driver'>, key: string): Failure {
  return new Failure('store.unavailable', { message: `${driver.description} did not say whether it removed ${key}` });
}

function chunked(keys: readonly string[], size: number): readonly (readonly string[])[] {
  return Array.from({ length: Math.ceil(keys.length / size) }, (_, index) =>
    keys.slice(index * size, (index + 1) * size),
  );
}
