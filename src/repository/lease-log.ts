import { Failure, isFailure } from '../domain/failure.ts';
import { leaseKey, leasePrefix, parseSiteKey } from './layout.ts';
import { formatLease, type LeaseRecord, parseLease } from './lease-record.ts';
import type { SiteRepository } from './site-repository.ts';
import { createSmallObject, listAll, readSmallObjectIfThere } from './small-object.ts';

/**
 * The lease of a site in a repository is a log of generations, each created on condition that its name is free. The highest
 * generation says who holds it. It is never removed, so that numbers only grow and can fence.
 */

export interface LeaseGeneration {
  readonly generation: number;
  readonly record: LeaseRecord;
}

const MAX_BYTES = 64 * 1024;

/** The highest generation; undefined where there never was one. */
export async function readNewestLease(repo: SiteRepository, signal: AbortSignal): Promise<LeaseGeneration | undefined> {
  for (;;) {
    const generation = (await listGenerations(repo, signal)).at(-1);
    if (generation === undefined) return undefined;
    const key = leaseKey(repo.site, generation);
    const bytes = await readSmallObjectIfThere(repo.store, key, MAX_BYTES, signal);
    if (bytes) return { generation, record: parseStored(bytes, key) };
    // Removed between listing and reading: then a higher one is there.
  }
}

function parseStored(bytes: Uint8Array, key: string): LeaseRecord {
  try {
    return parseLease(bytes, key);
  } catch (error) {
    if (!isFailure(error, 'object.corrupt')) throw error;
    // Nobody knows whose it is: to take it could put two at work.
    throw new Failure('object.corrupt', {
      message: error.message,
      hint: 'make sure that no hoard works on the site, then remove this object',
      cause: error,
    });
  }
}

/** Ascending. */
export async function listGenerations(repo: SiteRepository, signal: AbortSignal): Promise<readonly number[]> {
  const generations: number[] = [];
  for (const { key } of await listAll(repo.store, leasePrefix(repo.site), signal)) {
    const parsed = parseSiteKey(repo.site, key);
    if (parsed?.kind === 'lease') generations.push(parsed.generation);
  }
  return generations.sort((a, b) => a - b);
}

/**
 * Appends a generation. Returns its record where it is now certainly the highest: the number was free, and nothing higher is there.
 * The second look is needed because old generations are removed: a process that slept for long may find its number free again.
 * A number that this same acquisition took before (the store's answer was lost) counts; then the record is the one stored then.
 */
export async function appendLease(
  repo: SiteRepository,
  next: LeaseGeneration,
  signal: AbortSignal,
): Promise<LeaseRecord | undefined> {
  const key = leaseKey(repo.site, next.generation);
  let { record } = next;
  // Unlocked: the next generations' holder removes it.
  if (!(await createSmallObject(repo.store, key, formatLease(record), signal, { unlocked: true }))) {
    const bytes = await readSmallObjectIfThere(repo.store, key, MAX_BYTES, signal);
    if (!bytes) return undefined;
    record = parseLease(bytes, key);
    if (record.token !== next.record.token) return undefined;
  }
  const generations = await listGenerations(repo, signal);
  if (generations.at(-1) === next.generation) return record;
  await repo.store.deleteMany([key], { signal });
  return undefined;
}

/** Removes the generations below `generation`. */
export async function removeOldLeases(repo: SiteRepository, generation: number, signal: AbortSignal): Promise<void> {
  const old = (await listGenerations(repo, signal)).filter((each) => each < generation);
  await repo.store.deleteMany(
    old.map((each) => leaseKey(repo.site, each)),
    { signal },
  );
}
