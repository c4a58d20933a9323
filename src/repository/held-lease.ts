import { Failure } from '../domain/failure.ts';
import { instant } from '../domain/instant.ts';
import { appendLease, type LeaseGeneration, readNewestLease, removeOldLeases } from './lease-log.ts';
import { describeRepository, type SiteRepository } from './site-repository.ts';

/** The right to change a site in a repository. Disposing releases it. */
export interface Lease extends AsyncDisposable {
  /** Aborts with `lease.lost` when the lease is lost, and with the caller's reason when the caller's signal aborts. */
  readonly signal: AbortSignal;
  /** Grows with every acquisition and renewal by anybody; a fencing token. Always 1 where the lease is a lock on a server. */
  readonly generation: number;
  /** Throws the reason where the lease is lost or has expired by our own clock, also when no timer could run meanwhile. */
  check(): void;
  /** check, and asks the repository whether nobody has taken over. To be called before and after anything that cannot be undone. */
  confirm(): Promise<void>;
}

// Three attempts fit into one time to live, so that a short outage of the store does not end the work.
const RENEWALS_PER_TTL = 3;
const RETRY_MILLISECONDS = 1000;

export class HeldLease implements Lease {
  readonly #repo: SiteRepository;
  readonly #lost = new AbortController();
  readonly #stop = new AbortController();
  readonly #renewing: Promise<void>;
  readonly signal: AbortSignal;
  #held: LeaseGeneration;
  #released = false;

  /** `held` was just appended by this process. Renewal starts at once. */
  constructor(repo: SiteRepository, held: LeaseGeneration, outer: AbortSignal) {
    this.#repo = repo;
    this.#held = held;
    this.signal = AbortSignal.any([outer, this.#lost.signal]);
    this.#renewing = this.#renewUntilStopped();
  }

  get generation(): number {
    return this.#held.generation;
  }

  check(): void {
    this.signal.throwIfAborted();
    if (this.#released) this.#lose('was released');
    if (this.#repo.clock.now() > this.#held.record.expiresAt) this.#lose('expired before it could be renewed');
    this.signal.throwIfAborted();
  }

  async confirm(): Promise<void> {
    this.check();
    const newest = await readNewestLease(this.#repo, this.signal);
    if (newest?.record.token !== this.#held.record.token || newest.record.state !== 'held') this.#lose(takenBy(newest));
    this.check();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#stop.abort();
    await this.#renewing;
    if (this.#lost.signal.aborted) return;
    // The caller's signal may have aborted: releasing is still right, but must not hang.
    const signal = AbortSignal.timeout(this.#held.record.ttl);
    try {
      // A renewal that was broken off may have been stored.
      const newest = await readNewestLease(this.#repo, signal);
      if (newest?.record.token !== this.#held.record.token) return;
      const next = { generation: newest.generation + 1, record: { ...newest.record, state: 'released' as const } };
      if (await appendLease(this.#repo, next, signal)) await removeOldLeases(this.#repo, next.generation, signal);
    } catch {
      // Then it expires by itself; the work under it is done, and its result stands.
    }
  }

  async #renewUntilStopped(): Promise<void> {
    const { clock } = this.#repo;
    const stop = this.#stop.signal;
    try {
      for (;;) {
        const { ttl, expiresAt } = this.#held.record;
        const renewAt = expiresAt - ttl + ttl / RENEWALS_PER_TTL;
        await clock.sleep(Math.max(0, renewAt - clock.now()), stop);
        await this.#renew(stop);
      }
    } catch (error) {
      if (!stop.aborted)
        this.#lose(`could not be renewed: ${error instanceof Error ? error.message : String(error)}`, error);
    }
  }

  /** Retries failures of the store until the lease has expired. */
  async #renew(stop: AbortSignal): Promise<void> {
    const { clock } = this.#repo;
    for (;;) {
      const held = this.#held;
      const left = held.record.expiresAt - clock.now();
      if (left <= 0) throw new Failure('lease.lost', { message: 'its time ran out' });
      const record = { ...held.record, expiresAt: instant(clock.now() + held.record.ttl) };
      const next = { generation: held.generation + 1, record };
      const attempt = AbortSignal.any([stop, AbortSignal.timeout(left)]);
      try {
        const record = await appendLease(this.#repo, next, attempt);
        if (!record) throw new Failure('lease.lost', { message: takenBy(await readNewestLease(this.#repo, attempt)) });
        this.#held = { generation: next.generation, record };
        await removeOldLeases(this.#repo, next.generation, attempt);
        return;
      } catch (error) {
        if (stop.aborted || (error instanceof Failure && error.code === 'lease.lost')) throw error;
        // The renewal stands; what failed was tidying up.
        if (this.#held !== held) return;
        await clock.sleep(Math.min(RETRY_MILLISECONDS, Math.max(1, held.record.expiresAt - clock.now())), stop);
      }
    }
  }

  #lose(how: string, cause?: unknown): void {
    if (this.#lost.signal.aborted) return;
    const message = `the lease of site "${this.#repo.site}" in ${describeRepository(this.#repo)} ${how}`;
    const hint = 'nothing half-done counts; run it again';
    this.#lost.abort(new Failure('lease.lost', { message, hint, ...(cause === undefined ? {} : { cause }) }));
  }
}

function takenBy(newest: LeaseGeneration | undefined): string {
  if (newest === undefined) return 'is gone from the repository';
  const { owner } = newest.record;
  return `was taken over by process ${owner.pid} on ${owner.host} (generation ${newest.generation})`;
}
