import { createHash } from 'node:crypto';
import type { Duration } from '../domain/duration.ts';
import { Failure, isFailure } from '../domain/failure.ts';
import { instant } from '../domain/instant.ts';
import type { AdvisoryLock } from '../postgres/advisory-lock.ts';
import type { Lease } from './held-lease.ts';
import { ensureRepository, readRepositoryId } from './identity.ts';
import { leaseKey } from './layout.ts';
import type { LeaseOwner } from './lease-owner.ts';
import { formatLease, type LeaseRecord, parseLease } from './lease-record.ts';
import { describeRepository, type SiteRepository } from './site-repository.ts';
import { readSmallObjectIfThere } from './small-object.ts';

/** The one record is replaced: a listing, which may be late in such stores, is not needed to find it. */
const GENERATION = 1;

const MAX_BYTES = 64 * 1024;

/** Tries to take a lock on the site's primary; undefined where somebody else holds it. */
export type TakeServerLock = (key: bigint, signal: AbortSignal) => Promise<AdvisoryLock | undefined>;

/** Three questions fit into the time that one answer is good for, as with leases in a repository. */
const QUESTIONS_PER_TTL = 3;

/**
 * Tries once to take the lease of a site in a repository whose store has no conditional create: as a lock on the site's primary. What is
 * written into the repository is for people to read; nobody decides by it. Undefined where another holds it.
 */
export async function tryServerLease(
  repo: SiteRepository,
  request: {
    readonly takeLock: TakeServerLock;
    readonly owner: LeaseOwner;
    readonly ttl: Duration;
    readonly signal: AbortSignal;
  },
): Promise<Lease | undefined> {
  const { signal, takeLock, owner, ttl } = request;
  // Before the lock, because the lock is named after the repository's id.
  await ensureRepository(repo, signal);
  const id = await readRepositoryId(repo, signal);
  if (id === undefined)
    throw new Failure('store.unavailable', {
      message: `${describeRepository(repo)}: hoard.json was made, and is not there`,
    });
  const lock = await reach(repo, () => takeLock(lockKey(repo, id), signal), signal);
  if (lock === undefined) return undefined;
  try {
    const now = repo.clock.now();
    const token = Buffer.from(repo.random(16)).toString('hex');
    const record: LeaseRecord = { state: 'held', owner, token, acquiredAt: now, expiresAt: instant(now + ttl), ttl };
    await writeRecord(repo, record, signal);
    return new ServerLease({ repo, lock, id, record, outer: signal });
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

/** The id is the repository's, not its name: two policies may call it differently. */
function lockKey(repo: Pick<SiteRepository, 'site'>, id: string): bigint {
  return createHash('sha256').update(`hoard lease\0${id}\0${repo.site}`).digest().readBigInt64BE(0);
}

async function reach<T>(repo: SiteRepository, take: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await take();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Failure) || error.class === 'bug') throw error;
    throw new Failure(error.code, {
      message: `no lease can be taken in ${describeRepository(repo)}: its store cannot create objects conditionally, so the lease is a lock on the site's primary, and that failed: ${error.message}`,
      hint:
        error.hint ?? 'make a connection to the primary work, then run it again; wal push and restore need no lease',
      cause: error,
    });
  }
}

/** Who wrote the record last; undefined where nobody did, or it says nothing. */
export async function readServerLease(repo: SiteRepository, signal: AbortSignal): Promise<LeaseRecord | undefined> {
  const key = leaseKey(repo.site, GENERATION);
  const bytes = await readSmallObjectIfThere(repo.store, key, MAX_BYTES, signal);
  try {
    return bytes && parseLease(bytes, key);
  } catch (error) {
    if (isFailure(error, 'object.corrupt', 'repository.foreign')) return undefined;
    throw error;
  }
}

/** In place: the only object beside catalogues that ever is. */
async function writeRecord(repo: SiteRepository, record: LeaseRecord, signal: AbortSignal): Promise<void> {
  const bytes = formatLease(record);
  await repo.store.put(leaseKey(repo.site, GENERATION), pieces(bytes), {
    size: bytes.byteLength,
    unlocked: true,
    signal,
  });
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

interface Holding {
  readonly repo: SiteRepository;
  readonly lock: AdvisoryLock;
  readonly id: string;
  readonly record: LeaseRecord;
  readonly outer: AbortSignal;
}

class ServerLease implements Lease {
  readonly #held: Holding;
  readonly #lost = new AbortController();
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;
  readonly signal: AbortSignal;
  readonly generation = GENERATION;
  #confirmedAt: number;
  #released = false;

  /** The lock was just confirmed. It is asked after from now on, which also keeps the session from being idle. */
  constructor(held: Holding) {
    this.#held = held;
    this.#confirmedAt = held.record.acquiredAt;
    this.signal = AbortSignal.any([held.outer, this.#lost.signal]);
    this.#watching = this.#watchUntilStopped();
  }

  check(): void {
    this.signal.throwIfAborted();
    if (this.#released) this.#lose('was released');
    const { repo, record } = this.#held;
    if (repo.clock.now() > this.#confirmedAt + record.ttl) this.#lose('was not confirmed by the server in time');
    this.signal.throwIfAborted();
  }

  async confirm(): Promise<void> {
    this.check();
    await this.#ask();
    const { repo, id } = this.#held;
    // Two who made the repository at the same moment may have locked different ids: the one that stayed counts.
    if ((await readRepositoryId(repo, this.signal)) !== id)
      this.#lose('is for a repository that was made anew meanwhile');
    this.check();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#stop.abort();
    await this.#watching;
    const { repo, lock, record } = this.#held;
    if (!this.#lost.signal.aborted) {
      try {
        await writeRecord(repo, { ...record, state: 'released' }, AbortSignal.timeout(record.ttl));
      } catch {
        // It only informs; the lock goes all the same.
      }
    }
    await lock[Symbol.asyncDispose]();
  }

  async #ask(): Promise<void> {
    const { repo, lock, record } = this.#held;
    const asked = repo.clock.now();
    const left = Math.max(1, this.#confirmedAt + record.ttl - asked);
    try {
      await lock.confirm(AbortSignal.any([this.#stop.signal, AbortSignal.timeout(left)]));
      this.#confirmedAt = asked;
    } catch (error) {
      // Stopping is releasing: the question may have been broken off by that.
      if (!this.#stop.signal.aborted)
        this.#lose(error instanceof Error ? `was lost: ${error.message}` : 'was lost', error);
    }
  }

  async #watchUntilStopped(): Promise<void> {
    const { repo, record } = this.#held;
    const stop = AbortSignal.any([this.#stop.signal, this.#lost.signal]);
    while (!stop.aborted) {
      try {
        await repo.clock.sleep(record.ttl / QUESTIONS_PER_TTL, stop);
      } catch {
        return;
      }
      await this.#ask();
    }
  }

  #lose(how: string, cause?: unknown): void {
    if (this.#lost.signal.aborted) return;
    const { repo, lock } = this.#held;
    const message = `the lease of site "${repo.site}" in ${describeRepository(repo)}, a lock on ${lock.where}, ${how}`;
    const hint = 'nothing half-done counts; run it again';
    this.#lost.abort(new Failure('lease.lost', { message, hint, ...(cause === undefined ? {} : { cause }) }));
  }
}
