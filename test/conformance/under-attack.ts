import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { prefixedStore } from '../../src/storage/prefixed-store.ts';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy/fault-proxy.ts';
import { type Attack, attacksOn } from './attacks.ts';
import { type AuditedStore, auditedStore } from './audited-store.ts';
import { NEVER } from './bodies.ts';
import type { FaultyBackend, Protocol } from './faulty-backend.ts';
import { objectStoreConformance } from './object-store.ts';

const MIB = 1024 ** 2;
const options = { signal: NEVER };
/** What the proxy, in this process, holds of some dozen connections, beside what the store may hold. */
const HELD = 96 * MIB;
/** Tries again cost time, a fault may cost the minute after which a connection counts as stalled, and other tests want the cores, too. */
const TIMEOUT = 900_000;
/** How many tests of the suite a fault that does not fit every request strikes at least. */
const MANY = 25;
const LOOK_MILLISECONDS = 10;
/** How long a server that was started again runs at least; and twice as long as it was away, so that most of the time it is there. */
const UP_MILLISECONDS = 4000;

interface AttackOptions {
  /** How many bytes a transfer may hold in this process; more where the store's server runs in it. */
  readonly held?: number;
}

/** The whole suite of object stores, once under each attack; then what was reported is compared with what is there, past the faults. */
export function conformanceUnderAttack(
  name: string,
  protocol: Protocol,
  start: () => Promise<FaultyBackend>,
  { held = HELD }: AttackOptions = {},
): void {
  const attacks = attacksOn(protocol);
  if (attacks.length === 0) return;
  describe(`${name}, the whole suite under`, { timeout: TIMEOUT }, () => {
    let backend: FaultyBackend;
    let proxy: FaultProxy;
    let direct: ObjectStore;
    beforeAll(async () => {
      backend = await start();
      proxy = await startFaultProxy({ target: { host: '127.0.0.1', port: backend.port }, protocol });
      direct = await backend.open(backend.port);
    });
    afterAll(async () => {
      await direct?.close();
      await proxy?.[Symbol.asyncDispose]();
      await backend?.remove();
    });

    // Not describe.for, which shortens names.
    for (const [index, attack] of attacks.entries())
      describe(attack.name, () => {
        const prefix = `attack-${index}`;
        const tally = new Tally();
        let store: AuditedStore;
        let siege: Siege;

        describe('attacked', () => {
          beforeAll(() => {
            siege = attack.kills === true ? new Killing(backend) : new Injecting(proxy, attack);
          });
          beforeEach(({ task, skip }) => {
            const why = attack.except?.[task.name];
            if (why !== undefined) skip(why);
            tally.begin(siege.struck, proxy.passed);
            siege.begin();
          });
          afterEach(async ({ task }) => {
            await siege.end();
            tally.end(task.name, siege.struck, proxy.passed);
          });
          objectStoreConformance(
            name,
            async () => {
              store = auditedStore(prefixedStore(await backend.open(proxy.port), prefix));
              return { store, remove: async () => siege.lift() };
            },
            { held },
          );
        });

        test('strikes, and what was reported is what is stored', async () => {
          if (attack.strikesAll === true) expect(tally.spared).toEqual([]);
          else expect(tally.struck).toBeGreaterThan(attack.kills === true ? 0 : MANY);
          const clean = prefixedStore(direct, prefix);
          expect(await store.differences(clean)).toEqual([]);
          // Uploads that broke may have left something, which is found, and goes.
          const anHourOn = Date.now() + 3_600_000;
          await clean.removeAbandonedUploads('', anHourOn, options);
          expect(await clean.removeAbandonedUploads('', anHourOn, options)).toBe(0);
          expect(await store.differences(clean)).toEqual([]);
        });
      });
  });
}

/** How many tests were struck, and which sent something and were not. */
class Tally {
  struck = 0;
  readonly spared: string[] = [];
  #before = { struck: 0, passed: 0 };

  begin(struck: number, passed: number): void {
    this.#before = { struck, passed };
  }

  end(title: string, struck: number, passed: number): void {
    if (struck > this.#before.struck) this.struck += 1;
    else if (passed > this.#before.passed) this.spared.push(title);
  }
}

interface Siege {
  /** How often it has struck. */
  readonly struck: number;
  /** A test begins, and ends. */
  begin(): void;
  end(): Promise<void>;
  /** The suite has ended. */
  lift(): Promise<void>;
}

class Injecting implements Siege {
  readonly #proxy: FaultProxy;
  readonly #attack: Attack;
  #timer: NodeJS.Timeout | undefined;
  #tests = 0;

  constructor(proxy: FaultProxy, attack: Attack) {
    this.#proxy = proxy;
    this.#attack = attack;
  }

  get struck(): number {
    return Object.values(this.#proxy.struck).reduce((sum, times) => sum + times, 0);
  }

  begin(): void {
    const { faults, every, rotates } = this.#attack;
    let injectedAt = 0;
    let next = rotates === true ? this.#tests : 0;
    this.#tests += 1;
    const inject = (): void => {
      const fault = faults[next % faults.length];
      // A copy: each injection is a new one to the connections that are there.
      if (fault !== undefined) this.#proxy.inject({ ...fault });
      injectedAt = this.#proxy.passed;
      next += 1;
    };
    inject();
    this.#timer = setInterval(() => {
      if (this.#proxy.passed - injectedAt >= every) inject();
    }, LOOK_MILLISECONDS);
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    this.#proxy.inject(undefined);
  }

  async lift(): Promise<void> {
    await this.end();
  }
}

/** Goes on from test to test: a server takes longer to start than most tests to run. */
class Killing implements Siege {
  struck = 0;
  readonly #backend: FaultyBackend;
  readonly #lifted = Promise.withResolvers<void>();
  #killing: Promise<void> | undefined;

  constructor(backend: FaultyBackend) {
    this.#backend = backend;
  }

  begin(): void {
    this.#killing ??= this.#kill();
  }

  async end(): Promise<void> {
    // The server is killed when its time has come, whatever test that is in.
  }

  async lift(): Promise<void> {
    this.#lifted.resolve();
    await this.#killing;
  }

  async #kill(): Promise<void> {
    let up = UP_MILLISECONDS;
    for (;;) {
      const waited = new AbortController();
      const timer = sleep(up, false, { signal: waited.signal }).catch(() => false);
      const lifted = await Promise.race([timer, this.#lifted.promise.then(() => true)]);
      waited.abort();
      if (lifted) return;
      const killed = performance.now();
      await this.#backend.kill();
      this.struck += 1;
      await this.#backend.restart();
      up = Math.max(UP_MILLISECONDS, 2 * (performance.now() - killed));
    }
  }
}
