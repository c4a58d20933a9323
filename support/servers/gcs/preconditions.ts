import { conditionNotMet, invalid, notModified } from './gcs-error.ts';
import type { StoredObject } from './stored-object.ts';

const LARGEST = 2n ** 63n - 1n;

/**
 * `ifGenerationMatch` and its three relatives against what is live: generation 0 stands for nothing. With `prefix` the ones for the source
 * of a copy (`ifSourceGenerationMatch`). What must match and does not is 412, what must not match and does is 304, whatever the method:
 * https://cloud.google.com/storage/docs/request-preconditions
 */
export function checkPreconditions(query: URLSearchParams, live: StoredObject | undefined, prefix = 'if'): void {
  const generation = BigInt(live?.generation ?? 0);
  const metageneration = BigInt(live?.metageneration ?? 0);
  const match = integer(query, `${prefix}GenerationMatch`);
  if (match !== undefined && match !== generation) throw conditionNotMet('If-Match');
  const metaMatch = integer(query, `${prefix}MetagenerationMatch`);
  if (metaMatch !== undefined && metaMatch !== metageneration) throw conditionNotMet('If-Match');
  const unwanted = integer(query, `${prefix}GenerationNotMatch`);
  // "If no live object exists, the precondition fails", whatever the value.
  if (unwanted !== undefined && (live === undefined || unwanted === generation)) throw notModified();
  const unwantedMeta = integer(query, `${prefix}MetagenerationNotMatch`);
  if (unwantedMeta !== undefined && unwantedMeta === metageneration) throw notModified();
}

function integer(query: URLSearchParams, name: string): bigint | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  if (!/^\d{1,19}$/.test(value) || BigInt(value) > LARGEST) throw invalid(`Invalid value '${value}' for ${name}`);
  return BigInt(value);
}
