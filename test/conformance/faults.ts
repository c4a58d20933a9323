import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Failure } from '../../src/domain/failure.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { prefixedStore } from '../../src/storage/prefixed-store.ts';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy/fault-proxy.ts';
import { bodyOf, bytesOf, NEVER, pattern } from './bodies.ts';
import { type FaultyBackend, type NamedFault, type Protocol, THOROUGH } from './faulty-backend.ts';

const MIB = 1024 ** 2;
const options = { signal: NEVER };

/** Faults of any server. */
const BYTES: readonly NamedFault[] = [
  {
    name: 'connections reset in the request',
    fault: { kind: 'reset', direction: 'up', after: 700, count: 3 },
    passes: true,
  },
  {
    name: 'connections reset in the answer',
    fault: { kind: 'reset', direction: 'down', after: 100, count: 3 },
    passes: true,
  },
  { name: 'connections cut in a body', fault: { kind: 'cut', direction: 'up', after: 70_000, count: 2 }, passes: true },
  {
    name: 'connections cut in an answer',
    fault: { kind: 'cut', direction: 'down', after: 50_000, count: 2 },
    passes: true,
  },
  { name: 'connections refused for a while', fault: { kind: 'refuse', count: 4 }, passes: true },
  { name: 'a slow network', fault: { kind: 'latency', milliseconds: 5 }, passes: true },
];

const REQUESTS: readonly NamedFault[] = [
  { name: 'answers lost', fault: { kind: 'lose-answer', count: 4 }, passes: true },
  { name: 'a burst of 503', fault: { kind: 'answer', status: 503, count: 5 }, passes: true },
  {
    name: 'a burst of 429 with Retry-After',
    fault: { kind: 'answer', status: 429, headers: { 'retry-after': '1' }, count: 3 },
    passes: true,
  },
  { name: 'a burst of 500', fault: { kind: 'answer', status: 500, count: 4 }, passes: true },
  { name: 'answers truncated', fault: { kind: 'truncate-answer', after: 20, count: 4 }, passes: true },
  { name: 'large answers truncated', fault: { kind: 'truncate-answer', after: 90_000, count: 2 }, passes: true },
  { name: 'answers reset in their body', fault: { kind: 'reset-answer', after: 1000, count: 4 }, passes: true },
  { name: 'requests reset in their body', fault: { kind: 'reset-request', after: 50_000, count: 3 }, passes: true },
  { name: 'credentials refused', fault: { kind: 'answer', status: 403 }, passes: false },
];

/** Each costs the minute after which a connection counts as stalled. */
const STALLS: readonly NamedFault[] = [
  {
    name: 'requests that come to a trickle',
    fault: { kind: 'rate', direction: 'up', bytesPerSecond: 300, after: 60_000, count: 2 },
    passes: true,
  },
  {
    name: 'answers that come to a trickle',
    fault: { kind: 'rate', direction: 'down', bytesPerSecond: 300, after: 60_000, count: 2 },
    passes: true,
  },
  { name: 'connections that go silent', fault: { kind: 'black-hole', count: 2 }, passes: true },
];

/** Where there are many connections and requests. */
const OFTEN: readonly NamedFault[] = [
  { name: 'every third answer lost', fault: { kind: 'lose-answer', chance: 0.33 }, passes: false },
  { name: 'every third request refused', fault: { kind: 'answer', status: 503, chance: 0.33 }, passes: false },
  { name: 'every fourth answer broken', fault: { kind: 'reset-answer', after: 10, chance: 0.25 }, passes: false },
  { name: 'every fourth request broken', fault: { kind: 'reset-request', after: 5000, chance: 0.25 }, passes: false },
  {
    name: 'every fourth connection reset',
    fault: { kind: 'reset', direction: 'up', after: 2000, chance: 0.25 },
    passes: false,
  },
];

const faultsOf = (protocol: Protocol): readonly NamedFault[] => [
  ...BYTES,
  ...(protocol === 'http' ? REQUESTS : []),
  ...(THOROUGH ? STALLS : []),
  ...(THOROUGH && protocol === 'http' ? OFTEN : []),
];

/** What holds under every fault: nothing is lost, doubled, wrong, or reported as stored when it is not. */
export function faultConformance(name: string, protocol: Protocol, start: () => Promise<FaultyBackend>): void {
  describe(`${name} under faults`, () => {
    let backend: FaultyBackend;
    let proxy: FaultProxy;
    let direct: ObjectStore;
    let faulty: ObjectStore;
    let run = 0;
    beforeAll(async () => {
      backend = await start();
      proxy = await startFaultProxy({ target: { host: '127.0.0.1', port: backend.port }, protocol });
      direct = await backend.open(backend.port);
      faulty = await backend.open(proxy.port);
    });
    afterEach(() => proxy?.inject(undefined));
    afterAll(async () => {
      await faulty?.close();
      await direct?.close();
      await proxy?.[Symbol.asyncDispose]();
      await backend?.remove();
    });

    const under = async (act: () => void | Promise<void>, passes: boolean): Promise<void> => {
      run += 1;
      const clean = prefixedStore(direct, `run-${run}`);
      const store = prefixedStore(faulty, `run-${run}`);
      for (const key of ['old/a', 'old/b']) await clean.put(key, bodyOf(content(key)), options);
      const working = workOn(store);
      // The fault comes while the work is under way, or before its first request: both happen.
      const [outcomes] = await Promise.all([working, act()]);
      proxy.inject(undefined);
      await judge(clean, outcomes, passes);
    };

    const inject = async (fault: NamedFault): Promise<void> => {
      const { kind } = fault.fault;
      const before = proxy.struck[kind] ?? 0;
      await under(() => proxy.inject(fault.fault), fault.passes);
      expect(proxy.struck[kind] ?? 0, 'the fault never struck').toBeGreaterThan(before);
    };

    // Each of three faults may cost the minute after which a connection counts as stalled, and more on a busy machine.
    test.for(faultsOf(protocol))('$name', { timeout: 600_000 }, async (fault) => {
      await inject(fault);
    });

    test('faults of its own', { timeout: 120_000 }, async () => {
      for (const fault of backend.faults ?? []) await inject(fault);
    });

    test('a server that is killed and started again', { timeout: 120_000 }, async () => {
      await under(async () => {
        await backend.kill();
        await backend.restart();
      }, true);
    });
  });
}

/** The bytes that belong to a key, so that one object's content under another's name is seen. */
function content(key: string): Uint8Array {
  const seed = Buffer.from(key).reduce((sum, byte) => sum * 31 + byte, 7);
  return pattern(SIZES[key.split('/')[0] ?? ''] ?? 300, seed);
}

const SIZES: Readonly<Record<string, number>> = { empty: 0, small: 300, middle: 200_000, large: 17 * MIB + 17 };

type Outcome =
  | { readonly kind: 'put'; readonly key: string; readonly error: unknown }
  | { readonly kind: 'removed'; readonly key: string; readonly error: unknown }
  | { readonly kind: 'read'; readonly key: string; readonly error: unknown };

async function settle(kind: Outcome['kind'], key: string, work: () => Promise<unknown>): Promise<Outcome> {
  try {
    await work();
    return { kind, key, error: undefined };
  } catch (error) {
    return { kind, key, error };
  }
}

async function workOn(store: ObjectStore): Promise<readonly Outcome[]> {
  const put = (key: string, how: { readonly known?: boolean; readonly ifAbsent?: boolean }): Promise<Outcome> =>
    settle('put', key, async () => {
      const body = content(key);
      const size = how.known === true ? { size: body.length } : {};
      const info = await store.put(key, bodyOf(body.subarray(0, 100), body.subarray(100)), {
        ...options,
        ...size,
        ifAbsent: how.ifAbsent === true,
      });
      expect(info).toMatchObject({ key, size: body.length });
    });
  const outcomes = await Promise.all([
    put('empty/a', { known: true }),
    put('small/known', { known: true }),
    put('small/unknown', {}),
    put('small/once', { ifAbsent: true }),
    put('middle/known', { known: true }),
    put('middle/once', { known: true, ifAbsent: true }),
    put('large/unknown', {}),
    put('large/once', { ifAbsent: true }),
    settle('removed', 'old/a', async () => {
      const [result] = await store.deleteMany(['old/a'], options);
      if (result?.kind !== 'removed') throw result?.kind === 'failed' ? result.error : new Error(result?.kind);
    }),
    settle('read', 'old/b', async () => {
      expect((await bytesOf(await store.get('old/b', options))).equals(content('old/b'))).toBe(true);
    }),
    settle('read', 'old/b', async () => {
      const range = { offset: 7, length: 100 };
      expect(
        (await bytesOf(await store.get('old/b', { ...options, range }))).equals(content('old/b').subarray(7, 107)),
      ).toBe(true);
    }),
  ]);
  const reads = outcomes
    .filter(({ kind, error }) => kind === 'put' && error === undefined)
    .map(({ key }) =>
      settle('read', key, async () => {
        expect((await bytesOf(await store.get(key, options))).equals(content(key))).toBe(true);
      }),
    );
  const listing = settle('read', '', async () => {
    const found = await keysIn(store);
    for (const { kind, key, error } of outcomes)
      if (kind === 'put' && error === undefined) expect(found).toContain(key);
  });
  const twice = settle('read', 'small/once', async () => {
    const taken = outcomes.some(({ key, error }) => key === 'small/once' && error === undefined);
    if (!taken) return;
    const again = store.put('small/once', bodyOf('other'), { ...options, ifAbsent: true });
    await again.then(
      () => expect.fail('created twice'),
      (error: unknown) => {
        if (!(error instanceof Failure) || error.code !== 'store.exists') throw error;
      },
    );
  });
  return [...outcomes, ...(await Promise.all([...reads, listing, twice]))];
}

async function judge(clean: ObjectStore, outcomes: readonly Outcome[], passes: boolean): Promise<void> {
  const keys = await keysIn(clean);
  expect(keys).toEqual([...new Set(keys)].toSorted());
  for (const { kind, key, error } of outcomes) {
    // Only Failures come out, and none where the fault passes.
    if (error instanceof Error && (passes || !(error instanceof Failure))) throw error;
    if (kind === 'removed' && error === undefined) expect(keys).not.toContain(key);
    // A put that failed may have arrived all the same, but then whole.
    if (kind !== 'put' || (error !== undefined && !keys.includes(key))) continue;
    expect(error instanceof Failure && error.code, `${key} was created by nobody else`).not.toBe('store.exists');
    expect((await bytesOf(await clean.get(key, options))).equals(content(key)), key).toBe(true);
  }
  const mayBe = new Set(['old/a', 'old/b', ...outcomes.filter(({ kind }) => kind === 'put').map(({ key }) => key)]);
  for (const key of keys) expect(mayBe).toContain(key);
  expect(keys).toContain('old/b');
}

async function keysIn(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of store.list('', options)) keys.push(...page.map(({ key }) => key));
  return keys;
}
