import { Failure, isFailure } from '../../domain/failure.ts';
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

/**
 * Tries again the request as a whole, and the keys that failed for a passing reason. A request that got no answer is repeated with half as many
 * keys: what takes a server, or a proxy before it, too long at once may get through in parts, each of which has all its tries.
 */
async function deleteBatch(
  { driver, attempts }: RemoteParts,
  batch: readonly string[],
  signal: AbortSignal,
): Promise<Iterable<DeleteResult>> {
  const results = new Map<string, DeleteResult>();
  let size = batch.length;
  for (let left = batch; left.length > 0; left = left.filter((key) => !results.has(key))) {
    let part = left.slice(0, size);
    try {
      await attempts.run(signal, async () => {
        try {
          for (const result of await driver.deleteBatch(part, { signal })) results.set(result.key, result);
        } catch (error) {
          // Asked to slow down, more requests are the wrong answer.
          if (isFailure(error, 'store.unavailable')) {
            size = Math.ceil(part.length / 2);
            for (const key of part.slice(size)) results.delete(key);
            part = part.slice(0, size);
          }
          throw error;
        }
        part = part.filter((key) => !isSettled(results.get(key)));
        const [first] = part;
        const failed = first === undefined ? undefined : results.get(first);
        if (failed?.kind === 'failed') throw failed.error;
        if (first !== undefined) throw unanswered({ driver }, first);
      });
    } catch (error) {
      signal.throwIfAborted();
      // Where the store answered about every key, the results say what happened.
      if (part.some((key) => !results.has(key))) throw error;
    }
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
