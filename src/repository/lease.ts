import { type Duration, durationOf, formatDuration } from '../domain/duration.ts';
import { Failure } from '../domain/failure.ts';
import { formatInstant, instant } from '../domain/instant.ts';
import type { Reporter } from '../telemetry/reporter.ts';
import { HeldLease, type Lease } from './held-lease.ts';
import { appendLease, type LeaseGeneration, readNewestLease, removeOldLeases } from './lease-log.ts';
import { isOwnerGone, isSameHost, type LeaseOwner } from './lease-owner.ts';
import type { LeaseRecord } from './lease-record.ts';
import { readServerLease, type TakeServerLock, tryServerLease } from './server-lease.ts';
import { describeRepository, type SiteRepository } from './site-repository.ts';

export type { Lease } from './held-lease.ts';

/** Long enough for a slow store, short enough that a crash elsewhere delays nobody for long. */
const DEFAULT_TTL = durationOf(30_000);

const POLL_MILLISECONDS = 500;

/**
 * Clocks of two hosts may differ by less than this. A lease of another host that expired longer ago, by our clock, is free at once;
 * otherwise it is free when it was seen unchanged for its whole time to live, which no clock difference can fake.
 */
const MAX_CLOCK_DIFFERENCE = 10 * 60_000;

export interface LeaseRequest {
  readonly owner: LeaseOwner;
  readonly ttl?: Duration;
  /** How long to wait for another holder; 0 tries once. */
  readonly waitFor: Duration;
  /** Ends the waiting, and later the lease. */
  readonly signal: AbortSignal;
  readonly reporter: Reporter;
  /** For stores without conditional create: takes a lock on the site's primary. */
  readonly takeServerLock?: TakeServerLock;
}

/**
 * Takes the one lease of a site in a repository, waiting for another holder as long as asked. A holder that died on this host is
 * replaced at once, one on another host when its lease has expired. Throws `lease.held`, naming the holder.
 */
export async function acquireLease(repo: SiteRepository, request: LeaseRequest): Promise<Lease> {
  if ((await repo.store.conditionalCreateLimit(request)) === 0) return acquireServerLease(repo, request);
  const { owner, signal } = request;
  const ttl = request.ttl ?? DEFAULT_TTL;
  const token = Buffer.from(repo.random(16)).toString('hex');
  const giveUpAt = repo.clock.now() + request.waitFor;
  const seen = new Sighting();
  for (;;) {
    signal.throwIfAborted();
    const current = await readNewestLease(repo, signal);
    if (
      current === undefined ||
      (await isFree(current, owner, seen.unchangedFor(current, repo.clock.now()), repo.clock.now()))
    ) {
      const now = repo.clock.now();
      const record: LeaseRecord = { state: 'held', owner, token, acquiredAt: now, expiresAt: instant(now + ttl), ttl };
      const generation = (current?.generation ?? 0) + 1;
      const stored = await appendLease(repo, { generation, record }, signal);
      if (!stored) continue;
      await removeOldLeases(repo, generation, signal);
      return new HeldLease(repo, { generation, record: stored }, signal);
    }
    if (repo.clock.now() >= giveUpAt) throw heldFailure(repo, current);
    if (seen.isNewHolder(current)) {
      reportWaiting(repo, request.reporter, current.record);
    }
    await repo.clock.sleep(Math.max(1, Math.min(POLL_MILLISECONDS, giveUpAt - repo.clock.now())), signal);
  }
}

/** Where the store cannot say who came first, the site's primary does. */
async function acquireServerLease(repo: SiteRepository, request: LeaseRequest): Promise<Lease> {
  const { owner, signal, takeServerLock: takeLock } = request;
  if (takeLock === undefined) {
    throw new Failure('policy.unsupported', {
      message: `${describeRepository(repo)} cannot create objects conditionally, and no connection to the site's primary is declared that could hold its lease`,
      hint: 'declare spec.connections of the site',
    });
  }
  const giveUpAt = repo.clock.now() + request.waitFor;
  for (let first = true; ; first = false) {
    signal.throwIfAborted();
    const lease = await tryServerLease(repo, { takeLock, owner, ttl: request.ttl ?? DEFAULT_TTL, signal });
    if (lease !== undefined) return lease;
    const current = await readServerLease(repo, signal);
    if (repo.clock.now() >= giveUpAt) throw heldByServer(repo, current);
    if (first) reportWaiting(repo, request.reporter, current);
    await repo.clock.sleep(Math.max(1, Math.min(POLL_MILLISECONDS, giveUpAt - repo.clock.now())), signal);
  }
}

function heldByServer(repo: SiteRepository, current: LeaseRecord | undefined): Failure {
  const who = current?.state === 'held' ? `: ${describeHolder(current)}` : '';
  return new Failure('lease.held', {
    message: `another hoard works on site "${repo.site}" in ${describeRepository(repo)}${who}`,
    hint: "wait for it, or stop it; the site's primary holds the lock, and frees it when that hoard's session ends",
  });
}

function reportWaiting(repo: SiteRepository, reporter: Reporter, current: LeaseRecord | undefined): void {
  reporter.report({
    kind: 'waiting',
    task: `lease:${repo.site}:${repo.name}`,
    message: `waiting for the lease of site "${repo.site}" in repository "${repo.name}"${current === undefined ? '' : `: ${describeHolder(current)}`}`,
  });
}

/** Since when, by our own clock, we have seen the same generation. */
class Sighting {
  #generation: number | undefined;
  #token: string | undefined;
  #since = 0;

  unchangedFor({ generation }: LeaseGeneration, now: number): number {
    if (generation !== this.#generation) {
      this.#generation = generation;
      this.#since = now;
    }
    return now - this.#since;
  }

  isNewHolder({ record }: LeaseGeneration): boolean {
    const isNew = record.token !== this.#token;
    this.#token = record.token;
    return isNew;
  }
}

async function isFree(current: LeaseGeneration, self: LeaseOwner, unchangedFor: number, now: number): Promise<boolean> {
  const { state, owner, expiresAt, ttl } = current.record;
  if (state === 'released' || unchangedFor > ttl) return true;
  if (isSameHost(owner, self)) return now > expiresAt || (await isOwnerGone(owner, self));
  return now > expiresAt + MAX_CLOCK_DIFFERENCE;
}

function heldFailure(repo: SiteRepository, current: LeaseGeneration): Failure {
  return new Failure('lease.held', {
    message: `another hoard works on site "${repo.site}" in ${describeRepository(repo)}: ${describeHolder(current.record)}`,
    hint: `wait for it, or stop it; the lease of a dead process is free ${formatDuration(current.record.ttl)} after its last renewal`,
  });
}

function describeHolder({ owner, acquiredAt, expiresAt }: LeaseRecord): string {
  return `process ${owner.pid} on ${owner.host} since ${formatInstant(acquiredAt)}, renewed until ${formatInstant(expiresAt)}`;
}
