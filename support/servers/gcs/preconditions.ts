import { conditionNotMet, invalid, notModified } from './gcs-error.ts';
import type { StoredObject } from './stored-object.ts';

const LARGEST = 2n ** 63n - 1n;

/**
 * `ifGenerationMatch` and its three relatives against what is live: generation 0 stands for nothing. With `prefix` the ones for the source
 * of a copy (`ifSourceGenerationMatch`). A condition about what must not match answers a read with 304.
 */
export function checkPreconditions(
  query: URLSearchParams,
  live: StoredObject | undefined,
  reading: boolean,
  prefix = 'if',
): void {
  const generation = BigInt(live?.generation ?? 0);
  const metageneration = BigInt(live?.metageneration ?? 0);
  const match = integer(query, `${prefix}GenerationMatch`);
  if (match !== undefined && match !== generation) throw conditionNotMet('If-Match');
  const metaMatch = integer(query, `${prefix}MetagenerationMatch`);
  if (metaMatch !== undefined && metaMatch !== metageneration) throw conditionNotMet('If-Match');
  const unequal = [
    [integer(query, `${prefix}GenerationNotMatch`), generation],
    [integer(query, `${prefix}MetagenerationNotMatch`), metageneration],
  ];
  if (unequal.some(([unwanted, found]) => unwanted !== undefined && unwanted === found)) {
    throw reading ? notModified() : conditionNotMet('If-None-Match');
  }
}

function integer(query: URLSearchParams, name: string): bigint | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  if (!/^\d{1,19}$/.test(value) || BigInt(value) > LARGEST) throw invalid(`Invalid value '${value}' for ${name}`);
  return BigInt(value);
}
