import { describe, expect, test } from 'vitest';
import { Failure, isFailure } from '../../../../src/domain/failure.ts';
import { instant } from '../../../../src/domain/instant.ts';
import type { ObjectBody } from '../../../../src/storage/object-store.ts';
import { remoteStore } from '../../../../src/storage/remote/remote-store.ts';
import { RetryAfter } from '../../../../src/storage/remote/retry-after.ts';
import type { Clock } from '../../../../src/telemetry/effects.ts';
import { systemClock } from '../../../../src/telemetry/system-effects.ts';
import { bodyOf, bytesOf, collect, NEVER, pattern } from '../../../conformance/bodies.ts';
import { MemoryDriver } from '../../../support/memory-driver.ts';
import { impatientClock, remoteOptions } from '../../../support/remote-options.ts';
import { always, scripted, setup } from '../../../support/scripted-store.ts';

const options = { signal: NEVER };

async function* bytewise(body: Uint8Array): ObjectBody {
  for (let index = 0; index < body.length; index += 1) yield body.subarray(index, index + 1);
}

/** Time that passes only when told; no wait before a request takes any. */
class SteppedClock implements Clock {
  #now = 1_000_000;
  readonly #looking = new Set<() => void>();

  sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    return impatientClock.sleep(milliseconds, signal);
  }

  now(): ReturnType<Clock['now']> {
    return instant(this.#now);
  }

  every(_milliseconds: number, look: () => void): () => void {
    this.#looking.add(look);
    return () => this.#looking.delete(look);
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
    for (const look of this.#looking) look();
  }
}

describe('put', () => {
  test.each([0, 1, 1023, 1024])('%i bytes go in one request', async (size) => {
    const { store, driver } = setup();
    await store.put('a', bodyOf(pattern(size)), options);
    expect(driver.requests.map(({ operation }) => operation)).toEqual(['putWhole']);
  });

  test.each([
    [1025, true, 2],
    [1025, false, 2],
    [4096, true, 4],
    [4096, false, 4],
  ])('%i bytes (known: %s) go in %i parts', async (size, known, parts) => {
    const { store, driver, count } = setup();
    await store.put('a', bodyOf(pattern(size)), { ...options, ...(known && { size }) });
    expect(count('putPart')).toBe(parts);
    expect(Buffer.from(driver.objects.get('a')?.bytes ?? []).equals(pattern(size))).toBe(true);
    expect(driver.uploads.size).toBe(0);
  });

  test('pieces of one byte are put together', async () => {
    const { store, driver } = setup({ whole: 300_000 });
    const body = pattern(250_000);
    await store.put('a', bytewise(body), options);
    expect(Buffer.from(driver.objects.get('a')?.bytes ?? []).equals(body)).toBe(true);
  });

  test('sends as many parts at once as the store takes', async () => {
    const { store, driver } = setup({ parallelParts: 3 });
    await store.put('a', bodyOf(pattern(20_000)), options);
    expect(driver.mostRunning).toBe(3);
  });

  test('keeps to the concurrency of the repository', async () => {
    const { store, driver } = setup({ parallelParts: 5 }, { upload: undefined, download: undefined, concurrency: 2 });
    await Promise.all(['a', 'b', 'c'].map((key) => store.put(key, bodyOf(pattern(20_000)), options)));
    await Promise.all(['a', 'b', 'c'].map(async (key) => bytesOf(await store.get(key, options))));
    expect(driver.mostRunning).toBe(2);
  });

  test('refuses what is larger than the store can hold before it reads it, and closes the body', async () => {
    const { store, driver } = setup({ largest: 5000 });
    let closed = false;
    const body: AsyncIterableIterator<Uint8Array> = {
      [Symbol.asyncIterator]: () => body,
      next: async () => ({ done: false, value: pattern(10) }),
      return: async () => {
        closed = true;
        return { done: true, value: undefined };
      },
    };
    await expect(store.put('a', body, { ...options, size: 5001 })).rejects.toMatchObject({ code: 'store.rejected' });
    expect(closed).toBe(true);
    expect(driver.requests).toEqual([]);
    await expect(store.put('a', bodyOf(pattern(5001)), options)).rejects.toMatchObject({ code: 'store.rejected' });
    expect([driver.objects.size, driver.uploads.size]).toEqual([0, 0]);
  });

  test('an answer that was lost is not taken for another writer', async () => {
    const { store, driver } = setup({ fault: scripted({ putWhole: ['lost'], complete: ['lost'] }) });
    await store.put('small', bodyOf('x'), { ...options, ifAbsent: true });
    await store.put('large', bodyOf(pattern(3000)), { ...options, ifAbsent: true });
    expect([...driver.objects.keys()]).toEqual(['small', 'large']);
  });

  test('a name that is taken is known before a large body is sent', async () => {
    const { store, count } = setup();
    await store.put('a', bodyOf('first'), options);
    await expect(store.put('a', bodyOf(pattern(3000)), { ...options, ifAbsent: true })).rejects.toMatchObject({
      code: 'store.exists',
    });
    expect(count('putPart')).toBe(0);
  });

  test('a part that fails for good ends the upload, even while the body hangs, and gives back what was sent', async () => {
    const { store, driver } = setup({ fault: scripted({ putPart: [undefined, 'denied'] }) });
    async function* hanging(): ObjectBody {
      yield pattern(3500);
      await new Promise(() => undefined);
    }
    await expect(store.put('a', hanging(), options)).rejects.toMatchObject({ code: 'store.denied' });
    expect([driver.objects.size, driver.uploads.size, driver.running]).toEqual([0, 0, 0]);
  });

  test('an upload that may be complete is not taken back', async () => {
    const { store, driver, count } = setup({ fault: scripted({ complete: ['lost', 'denied'] }) });
    await expect(store.put('a', bodyOf(pattern(3000)), options)).rejects.toMatchObject({ code: 'store.denied' });
    expect(count('abort')).toBe(0);
    expect(driver.objects.has('a')).toBe(true);
  });

  test('an abort ends requests that hang, and gives back the upload', async () => {
    const { store, driver } = setup({ fault: scripted({ putPart: [undefined, 'hangs', 'hangs'] }) });
    const abort = new AbortController();
    const putting = store.put('a', bodyOf(pattern(9000)), { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('told to stop')), 10);
    await expect(putting).rejects.toThrow('told to stop');
    expect([driver.objects.size, driver.uploads.size, driver.running]).toEqual([0, 0, 0]);
  });

  test('holds few parts in memory, however slow the store is', async () => {
    const { store, driver } = setup({ parallelParts: 2 });
    let given = 0;
    let ahead = 0;
    async function* body(): ObjectBody {
      for (let index = 0; index < 200; index += 1) {
        const sent = driver.requests.reduce((sum, { bytes }) => sum + bytes, 0);
        ahead = Math.max(ahead, given - sent);
        given += 100;
        yield pattern(100);
      }
    }
    await store.put('a', body(), options);
    expect(ahead).toBeLessThanOrEqual(1024 + 1024 + 200);
  });
});

describe('retries', () => {
  test.each(['unavailable', 'lost', 'throttled'] as const)('%s passes', async (fault) => {
    const { store, count } = setup({ fault: scripted({ putWhole: [fault, fault], head: [fault], read: [fault] }) });
    await store.put('a', bodyOf('x'), options);
    expect(await store.head('a', options)).toMatchObject({ size: 1 });
    expect((await bytesOf(await store.get('a', options))).toString()).toBe('x');
    expect(count('putWhole')).toBe(3);
  });

  test('are bounded, and say how many there were', async () => {
    const { store, count } = setup({ fault: scripted({ head: always('unavailable') }) });
    await expect(store.head('a', options)).rejects.toThrow('connection reset (tried 8 times)');
    expect(count('head')).toBe(8);
  });

  test('what is final is not tried again', async () => {
    const { store, count } = setup({ fault: scripted({ head: ['denied'] }) });
    await expect(store.head('a', options)).rejects.toMatchObject({ code: 'store.denied' });
    expect(count('head')).toBe(1);
  });

  test('wait for as long as the server asks, and half of a doubling time and a random share of the other half otherwise', async () => {
    const waits: number[] = [];
    const driver = new MemoryDriver();
    const remote = remoteOptions();
    const clock = {
      ...remote.clock,
      now: () => remote.clock.now(),
      sleep: async (time: number) => void waits.push(time),
    };
    const causes = [undefined, undefined, 5000, 1e9];
    const store = remoteStore(
      Object.assign(Object.create(driver), {
        async head() {
          if (causes.length === 0) return undefined;
          const wait = causes.shift();
          throw new Failure('store.throttled', {
            message: 'slow down',
            ...(wait !== undefined && { cause: new RetryAfter(wait) }),
          });
        },
      }),
      { ...remote, clock, random: (bytes) => new Uint8Array(bytes).fill(128) },
    );
    await store.head('a', options);
    expect(waits.map(Math.round)).toEqual([150, 300, 5000, 60_000]);
  });

  test('end when aborted while they wait', async () => {
    const { driver } = setup({ fault: scripted({ head: always('unavailable') }) });
    const store = remoteStore(driver, { ...remoteOptions(), clock: systemClock });
    const abort = new AbortController();
    const looking = store.head('a', { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('told to stop')), 10);
    await expect(looking).rejects.toThrow('told to stop');
  });
});

describe('get', () => {
  const body = pattern(500_000);

  test('goes on where the body broke off', async () => {
    const { store, driver, count } = setup({
      whole: 1e6,
      fault: scripted({ read: [{ cutAfter: 100_000 }, 'unavailable', { cutAfter: 1 }, { cutAfter: 399_998 }] }),
    });
    await store.put('a', bodyOf(body), options);
    expect((await bytesOf(await store.get('a', options))).equals(body)).toBe(true);
    expect(count('read')).toBe(5);
    expect(driver.openBodies).toBe(0);
  });

  test('ends after tries without progress', async () => {
    const { store, driver } = setup({ whole: 1e6, fault: scripted({ read: always({ cutAfter: 10 }) }) });
    await store.put('a', bodyOf(body), options);
    await expect(bytesOf(await store.get('a', options))).rejects.toMatchObject({ code: 'store.unavailable' });
    expect(driver.openBodies).toBe(0);
  });

  test('never joins two versions of an object', async () => {
    const { store } = setup({ whole: 1e6, fault: scripted({ read: [{ cutAfter: 100_000 }] }) });
    await store.put('a', bodyOf(body), options);
    const reading = await store.get('a', options);
    await store.put('a', bodyOf(pattern(500_000, 2)), options);
    await expect(bytesOf(reading)).rejects.toMatchObject({ code: 'store.changed' });
  });

  test('a body that stands still is broken off and goes on; a slow reader is not', async () => {
    const clock = new SteppedClock();
    const driver = new MemoryDriver({ whole: 1e6 });
    let hang = true;
    const readFrom = driver.read.bind(driver);
    driver.read = async (key, readOptions) => {
      const object = await readFrom(key, readOptions);
      if (!hang) return object;
      hang = false;
      async function* stuck(): ObjectBody {
        for await (const piece of object.body) {
          yield piece;
          setImmediate(() => clock.pass(1000));
          await new Promise(() => undefined);
        }
      }
      return { ...object, body: stuck() };
    };
    const progress = { bytes: 200_000, milliseconds: 1000 };
    const store = remoteStore(driver, { ...remoteOptions(), clock, progress });
    await store.put('a', bodyOf(body), options);
    const pieces: Uint8Array[] = [];
    for await (const piece of await store.get('a', options)) {
      pieces.push(piece);
      clock.pass(60_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(Buffer.concat(pieces).equals(body)).toBe(true);
    expect(driver.requests.filter(({ operation }) => operation === 'read')).toHaveLength(2);
  });

  test.each([
    ['short', 499_999, 'store.unavailable'],
    ['long', 500_001, 'store.incomplete'],
  ])('a body that is too %s is an error', async (_kind, length, code) => {
    const { store, driver } = setup({ whole: 1e6 });
    await store.put('a', bodyOf(body), options);
    driver.read = async () => ({ size: 500_000, version: 'v1', body: bodyOf(pattern(length).subarray(0, length)) });
    if (length < body.length) driver.read = async () => ({ size: 500_000, version: 'v1', body: bodyOf() });
    await expect(bytesOf(await store.get('a', options))).rejects.toMatchObject({ code });
  });
});

describe('list', () => {
  test('goes on after a page that failed', async () => {
    const { store, driver } = setup({ pageSize: 3, fault: scripted({ listPage: [undefined, 'unavailable', 'lost'] }) });
    const keys = Array.from({ length: 10 }, (_, index) => `p/${index}`);
    for (const key of keys) await store.put(key, bodyOf('x'), options);
    const pages = await collect(store.list('p/', options));
    expect(pages.flat().map(({ key }) => key)).toEqual(keys);
    expect(driver.running).toBe(0);
  });

  test.each([
    ['descending', ['p/b', 'p/a'], undefined],
    ['doubled', ['p/a', 'p/a'], undefined],
    ['of another prefix', ['p/a', 'q'], undefined],
    ['before the start', ['p/0'], 'p/1'],
  ])('keys %s are an error', async (_what, keys, startAfter) => {
    const { store, driver } = setup();
    driver.listPage = async () => ({
      objects: keys.map((key) => ({ key, size: 1, storedAt: 0 })),
      next: undefined,
    });
    const listing = collect(store.list('p/', { ...options, ...(startAfter !== undefined && { startAfter }) }));
    await expect(listing).rejects.toMatchObject({ code: 'store.unavailable' });
  });

  test('the same page again is an error; names that are no keys are skipped', async () => {
    const { store, driver } = setup();
    driver.listPage = async () => ({ objects: [], next: 'again' });
    await expect(collect(store.list('', options))).rejects.toMatchObject({ code: 'store.unavailable' });
    driver.listPage = async () => ({
      objects: ['a', 'folder/', 'foreign object', 'ä'].map((key) => ({ key, size: 1, storedAt: 0 })),
      next: undefined,
    });
    expect((await collect(store.list('', options))).flat().map(({ key }) => key)).toEqual(['a']);
  });
});

describe('upload alerts', () => {
  test('come after as many failures as declared, and clear themselves', async () => {
    const { store, events } = setup({ fault: scripted({ putWhole: ['unavailable', 'lost', 'throttled', 'lost'] }) });
    await store.put('a', bodyOf('x'), options);
    expect(events).toEqual([
      expect.objectContaining({ kind: 'alert', raised: true, alert: 'upload memory a' }),
      expect.objectContaining({ kind: 'alert', raised: false, alert: 'upload memory a' }),
    ]);
  });

  test('do not come before', async () => {
    const { store, events } = setup({ fault: scripted({ putWhole: ['unavailable', 'unavailable'] }) });
    await store.put('a', bodyOf('x'), options);
    expect(events).toEqual([]);
  });

  test('count puts of the same object that were given up; what the caller did wrong does not count', async () => {
    const { store, events } = setup({ fault: scripted({ putWhole: ['denied', 'denied', 'denied'] }) });
    const put = (): Promise<unknown> => store.put('a', bodyOf('x'), options);
    for (let each = 0; each < 5; each += 1) {
      await expect(store.put('a', bodyOf('x'), { ...options, size: 2 })).rejects.toSatisfy((error) =>
        isFailure(error, 'store.incomplete'),
      );
    }
    for (let each = 0; each < 2; each += 1) await expect(put()).rejects.toThrow('expired');
    expect(events).toEqual([]);
    await expect(put()).rejects.toThrow('expired');
    expect(events).toMatchObject([{ kind: 'alert', raised: true }]);
    await put();
    expect(events).toMatchObject([{ raised: true }, { raised: false }]);
  });
});
