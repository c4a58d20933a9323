import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { durationOf } from '../../../src/domain/duration.ts';
import { isFailure } from '../../../src/domain/failure.ts';
import { instant } from '../../../src/domain/instant.ts';
import { leaseKey, leasePrefix } from '../../../src/repository/layout.ts';
import { acquireLease } from '../../../src/repository/lease.ts';
import { appendLease, listGenerations } from '../../../src/repository/lease-log.ts';
import { type LeaseOwner, observeOwner } from '../../../src/repository/lease-owner.ts';
import { formatLease } from '../../../src/repository/lease-record.ts';
import { observeRepository } from '../../../src/repository/observe-repository.ts';
import type { SiteRepository } from '../../../src/repository/site-repository.ts';
import { listAll } from '../../../src/repository/small-object.ts';
import { systemClock } from '../../../src/telemetry/system-effects.ts';
import { createRecorder } from '../../support/recorder.ts';
import { takeLease } from '../../support/small-backup.ts';
import { calm, temporaryRepository } from '../../support/temporary-repository.ts';

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Holder {
  readonly child: ChildProcess;
  /** The next line that it says. */
  next(): Promise<string>;
}

function startHolder(directory: string, ttl: number, wait = 0, mode: 'hold' | 'commit' = 'hold'): Holder {
  const program = new URL('../../support/lease-process.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program, directory, `${ttl}`, `${wait}`, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: async () => String((await lines.next()).value) };
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

const self = await observeOwner(process.pid);

async function tryLease(repo: SiteRepository, owner: LeaseOwner, waitFor = 0): ReturnType<typeof acquireLease> {
  return acquireLease(repo, { owner, waitFor: durationOf(waitFor), signal: calm(), reporter: createRecorder() });
}

describe('a lease', () => {
  it('belongs to one at a time, grows with each holder, and leaves one object', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const first = await takeLease(repo);
    const failure = await failureOf(takeLease(repo));
    if (!isFailure(failure, 'lease.held')) throw new Error(String(failure));
    expect(failure.message).toContain(`process ${process.pid} on`);
    expect(failure.exitStatus).toBe(11);
    await first[Symbol.asyncDispose]();
    expect(() => first.check()).toThrow('was released');
    const second = await takeLease(repo);
    expect(second.generation).toBeGreaterThan(first.generation);
    await second[Symbol.asyncDispose]();
    expect(await listAll(repo.store, leasePrefix(repo.site), calm())).toHaveLength(1);
  });

  it('is renewed well before it expires', async () => {
    await using place = await temporaryRepository();
    await using lease = await takeLease(place.repo, 600);
    const { generation } = lease;
    await sleep(1500);
    lease.check();
    await lease.confirm();
    expect(lease.generation).toBeGreaterThanOrEqual(generation + 3);
    expect(isFailure(await failureOf(takeLease(place.repo)), 'lease.held')).toBe(true);
  });

  it('tells a waiter what it waits for, and passes on when it is released', async () => {
    await using place = await temporaryRepository();
    const lease = await takeLease(place.repo);
    const reporter = createRecorder();
    const waiting = acquireLease(place.repo, { owner: self, waitFor: durationOf(10_000), signal: calm(), reporter });
    await sleep(300);
    expect(reporter.events).toMatchObject([
      {
        kind: 'waiting',
        message: expect.stringMatching(
          /^waiting for the lease of site "orders" in repository "main": process \d+ on .* since 20/,
        ),
      },
    ]);
    await lease[Symbol.asyncDispose]();
    await using next = await waiting;
    next.check();
  });

  it('stops waiting when the caller’s signal aborts', async () => {
    await using place = await temporaryRepository();
    await using lease = await takeLease(place.repo);
    const stop = new AbortController();
    const waiting = failureOf(
      acquireLease(place.repo, {
        owner: self,
        waitFor: durationOf(60_000),
        signal: stop.signal,
        reporter: createRecorder(),
      }),
    );
    await sleep(50);
    stop.abort(new Error('interrupted'));
    expect(await waiting).toMatchObject({ message: 'interrupted' });
    lease.check();
  });

  it('is won by exactly one of many that race for it', async () => {
    await using place = await temporaryRepository();
    for (let round = 0; round < 5; round += 1) {
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, async () => takeLease(place.repo)));
      const won = outcomes.filter((outcome) => outcome.status === 'fulfilled');
      expect(won).toHaveLength(1);
      await won[0]?.value[Symbol.asyncDispose]();
    }
  });

  it('ends for its holder when somebody else has appended a generation', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    await using lease = await takeLease(repo, 900);
    const key = leaseKey(repo.site, lease.generation + 1);
    const record = {
      state: 'held' as const,
      owner: { ...self, host: 'elsewhere', bootId: 'another' },
      token: 'f'.repeat(32),
      acquiredAt: repo.clock.now(),
      expiresAt: instant(repo.clock.now() + 60_000),
      ttl: durationOf(60_000),
    };
    const body = async function* (): AsyncGenerator<Uint8Array> {
      yield formatLease(record);
    };
    await repo.store.put(key, body(), { signal: calm(), ifAbsent: true });
    const failure = await failureOf(lease.confirm());
    if (!isFailure(failure, 'lease.lost')) throw new Error(String(failure));
    expect(failure.message).toContain('taken over by process');
    expect(lease.signal.aborted).toBe(true);
    await sleep(500);
    expect(await listGenerations(repo, calm())).toContain(lease.generation + 1);
  });

  it('is not given back by a process that slept while its number became free again', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const lease = await takeLease(repo, 60_000);
    const mine = lease.generation;
    // Somebody took over, renewed, and tidied up: the number after ours is free, but a higher one is there.
    const newest = mine + 2;
    const now = repo.clock.now();
    const owner = { ...self, bootId: 'another' };
    const record = {
      owner,
      state: 'held' as const,
      token: 'e'.repeat(32),
      acquiredAt: now,
      expiresAt: now,
      ttl: durationOf(1),
    };
    const body = async function* (): AsyncGenerator<Uint8Array> {
      yield formatLease(record);
    };
    await repo.store.put(leaseKey(repo.site, newest), body(), { signal: calm() });
    const next = { generation: mine + 1, record: { ...record, token: 'd'.repeat(32) } };
    expect(await appendLease(repo, next, calm())).toBeUndefined();
    expect(await listGenerations(repo, calm())).toEqual([mine, newest]);
    await lease[Symbol.asyncDispose]();
  });

  it('whose record is damaged is nobody’s to take', async () => {
    await using place = await temporaryRepository();
    const lease = await takeLease(place.repo);
    await place.rewrite(leaseKey(place.repo.site, lease.generation), (bytes) => bytes.subarray(1));
    const failure = await failureOf(takeLease(place.repo));
    if (!isFailure(failure, 'object.corrupt')) throw new Error(String(failure));
    expect(failure.hint).toContain('no hoard works');
    expect(isFailure(await failureOf(lease.confirm()), 'object.corrupt')).toBe(true);
    await lease[Symbol.asyncDispose]();
  });

  it('is over when its time is, also where no timer could say so', async () => {
    await using place = await temporaryRepository();
    let now = place.repo.clock.now();
    // As in a process that was stopped, or whose event loop was busy: the clock goes on, timers do not fire.
    const stuck = {
      ...systemClock,
      now: () => now,
      sleep: async (_milliseconds: number, signal: AbortSignal) =>
        new Promise<void>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
    };
    await using lease = await takeLease({ ...place.repo, clock: stuck }, 30_000);
    now = instant(now + 30_000);
    lease.check();
    now = instant(now + 1);
    expect(() => lease.check()).toThrow('expired before it could be renewed');
    expect(lease.signal.aborted).toBe(true);
  });

  it('of another host is waited for until it was seen unchanged for its time, whatever its clock says', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const foreign = { ...self, host: 'elsewhere', bootId: 'another' };
    const now = repo.clock.now();
    // By our clock it expired a minute ago; its own clock may be a minute behind.
    const record = {
      state: 'held' as const,
      owner: foreign,
      token: 'c'.repeat(32),
      acquiredAt: now,
      expiresAt: instant(now - 60_000),
      ttl: durationOf(700),
    };
    const body = async function* (): AsyncGenerator<Uint8Array> {
      yield formatLease(record);
    };
    await repo.store.put(leaseKey(repo.site, 5), body(), { signal: calm() });
    expect(isFailure(await failureOf(tryLease(repo, self)), 'lease.held')).toBe(true);
    const started = performance.now();
    await using lease = await tryLease(repo, self, 5000);
    expect(performance.now() - started).toBeGreaterThan(700);
    expect(lease.generation).toBe(6);
  });
});

describe('a lease among processes', () => {
  it('is taken over at once from a holder that was killed', async () => {
    await using place = await temporaryRepository();
    const holder = startHolder(place.directory, 60_000);
    expect(await holder.next()).toBe('held 1');
    expect(await startHolder(place.directory, 60_000).next()).toBe('refused lease.held');
    holder.child.kill('SIGKILL');
    await once(holder.child, 'exit');
    const started = performance.now();
    await using lease = await takeLease(place.repo);
    expect(performance.now() - started).toBeLessThan(1000);
    expect(lease.generation).toBe(2);
  });

  it('is won by exactly one of two processes, and passes on when the first ends', async () => {
    await using place = await temporaryRepository();
    const holders = [startHolder(place.directory, 10_000), startHolder(place.directory, 10_000)];
    const said = await Promise.all(holders.map(async (holder) => holder.next()));
    expect(said.toSorted()).toEqual(['held 1', 'refused lease.held']);
    const waiting = startHolder(place.directory, 10_000, 20_000);
    holders[said.indexOf('held 1')]?.child.kill('SIGTERM');
    expect(await waiting.next()).toMatch(/^held \d+$/);
  });

  it('lost by a process that was stopped aborts it, and its backup does not count', async () => {
    await using place = await temporaryRepository();
    const holder = startHolder(place.directory, 1000, 0, 'commit');
    expect(await holder.next()).toMatch(/^held/);
    holder.child.kill('SIGSTOP');
    // Signals queue up while it is stopped: it commits as the first thing that it does when it goes on.
    holder.child.kill('SIGUSR2');
    const other = startHolder(place.directory, 60_000, 10_000);
    expect(await other.next()).toMatch(/^held/);
    holder.child.kill('SIGCONT');
    const said = [await holder.next(), await holder.next()];
    expect(said.toSorted()).toEqual(['aborted lease.lost', 'not committed lease.lost']);
    const observed = await observeRepository(place.repo, calm());
    expect(observed.backups).toEqual([]);
    expect(observed.unreadableBackups).toEqual([]);
  });

  it('lets a backup that was in time be committed', async () => {
    await using place = await temporaryRepository();
    const holder = startHolder(place.directory, 5000, 0, 'commit');
    expect(await holder.next()).toMatch(/^held/);
    holder.child.kill('SIGUSR2');
    expect(await holder.next()).toBe('committed');
    expect((await observeRepository(place.repo, calm())).backups).toHaveLength(1);
  });
});
