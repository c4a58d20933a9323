import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { isFailure } from '../../src/domain/failure.ts';
import type { ObjectBody, ObjectInfo, ObjectStore } from '../../src/storage/object-store.ts';
import { bodyOf, bytesOf, collect, NEVER, pattern, retainedBytes } from './bodies.ts';

/** A store made for a test run, empty at the start. */
export interface TestedStore {
  readonly store: ObjectStore;
  /** Removes it and what it holds. */
  readonly remove: () => Promise<void>;
}

const MIB = 1024 * 1024;
const options = { signal: NEVER };

let largest: Uint8Array | undefined;

/** As pattern, made once for all. */
function large(size: number, shift = 0): Uint8Array {
  largest ??= pattern(21 * MIB);
  return largest.subarray(shift, shift + size);
}

interface SuiteOptions {
  /** How many bytes a transfer may hold in this process; more where the store's server runs in it. */
  readonly held?: number;
}

/** How long a listing may be late at most. */
const LATE_MILLISECONDS = 20_000;

/** Parts of up to 8 MiB, four under way and one being read. */
const HELD = 48 * MIB;

/** What every backend must do. A backend's test file calls this with a function that makes an empty store. */
export function objectStoreConformance(
  name: string,
  create: () => Promise<TestedStore>,
  { held = HELD }: SuiteOptions = {},
): void {
  describe(`${name} as an object store`, () => {
    let tested: TestedStore;
    let store: ObjectStore;
    let test_ = 0;
    let at = '';
    beforeAll(async () => {
      tested = await create();
      store = tested.store;
    });
    afterAll(async () => {
      await store.close();
      await tested.remove();
    });
    // Each test has its own folder, so that one store serves all of them.
    beforeEach(() => {
      test_ += 1;
      at = `test-${test_}`;
    });

    const put = (key: string, ...pieces: readonly (Uint8Array | string)[]): Promise<ObjectInfo> =>
      store.put(key, bodyOf(...pieces), options);
    const read = async (key: string, range?: { offset: number; length: number }): Promise<Buffer> =>
      bytesOf(await store.get(key, { ...options, ...(range && { range }) }));
    const listPages = (prefix: string, startAfter?: string): Promise<(readonly ObjectInfo[])[]> =>
      collect(store.list(prefix, { ...options, ...(startAfter !== undefined && { startAfter }) }));
    const sizesOf = async (prefix: string): Promise<(readonly [string, number])[]> =>
      (await listPages(prefix)).flat().map((info) => [info.key, info.size] as const);
    const keysOf = async (prefix: string, startAfter?: string): Promise<string[]> =>
      (await listPages(prefix, startAfter)).flat().map((info) => info.key);
    /** What a listing is expected to show: at once, or in the end where the store says that its listings may be late. */
    const listed = async (expectation: () => Promise<void>): Promise<void> => {
      if (store.capabilities.consistentListing) return expectation();
      await vi.waitFor(expectation, { timeout: LATE_MILLISECONDS, interval: 20 });
    };
    const expectKeys = async (prefix: string, keys: readonly string[]): Promise<void> =>
      listed(async () => expect(await keysOf(prefix)).toEqual(keys));
    const expectSizes = async (prefix: string, sizes: readonly (readonly [string, number])[]): Promise<void> =>
      listed(async () => expect(await sizesOf(prefix)).toEqual(sizes));

    describe('put', () => {
      test('stores a body of unknown size', async () => {
        const info = await put(`${at}/a`, 'one ', 'two');
        expect(info).toMatchObject({ key: `${at}/a`, size: 7 });
        expect((await read(`${at}/a`)).toString()).toBe('one two');
      });

      test('stores a body of known size', async () => {
        const body = pattern(300_000);
        await store.put(`${at}/a`, bodyOf(body.subarray(0, 7), body.subarray(7)), { ...options, size: body.length });
        expect((await read(`${at}/a`)).equals(body)).toBe(true);
      });

      test.each([
        ['shorter', 2],
        ['longer', 4],
        ['empty', 1],
      ])('refuses a body that is %s than announced, and leaves nothing', async (kind, size) => {
        const body = kind === 'empty' ? bodyOf() : bodyOf(kind === 'longer' ? 'abcdef' : 'a');
        await expect(store.put(`${at}/a`, body, { ...options, size })).rejects.toMatchObject({
          code: 'store.incomplete',
        });
        expect(await store.head(`${at}/a`, options)).toBeUndefined();
        await expectKeys(at, []);
      });

      test('stores an empty object', async () => {
        expect((await put(`${at}/none`)).size).toBe(0);
        await store.put(`${at}/zero`, bodyOf(new Uint8Array(0)), { ...options, size: 0 });
        expect((await read(`${at}/none`)).length).toBe(0);
        expect((await read(`${at}/none`, { offset: 0, length: 0 })).length).toBe(0);
        expect((await store.head(`${at}/zero`, options))?.size).toBe(0);
      });

      test('streams 64 MiB in bounded memory, both ways', async () => {
        const before = retainedBytes();
        let most = 0;
        const piece = (index: number): Uint8Array => new Uint8Array(256 * 1024).fill(index);
        async function* large(): ObjectBody {
          for (let index = 0; index < 256; index += 1) {
            if (index % 20 === 19) most = Math.max(most, retainedBytes() - before);
            yield piece(index);
          }
        }
        await store.put(`${at}/large`, large(), options);
        let position = 0;
        for await (const found of await store.get(`${at}/large`, options)) {
          expect(found[0]).toBe(Math.floor(position / (256 * 1024)));
          position += found.length;
          if (position % (5 * MIB) === 0) most = Math.max(most, retainedBytes() - before);
        }
        expect(position).toBe(64 * MIB);
        expect(most).toBeGreaterThan(0);
        expect(most).toBeLessThan(held);
      });

      test('leaves nothing of a body that fails, and throws its error', async () => {
        async function* failing(): ObjectBody {
          yield pattern(200_000);
          throw new Error('the disk of the source broke');
        }
        await expect(store.put(`${at}/a`, failing(), options)).rejects.toThrow('the disk of the source broke');
        expect(await store.head(`${at}/a`, options)).toBeUndefined();
        await expectKeys(at, []);
      });

      test('a failed put leaves the earlier object as it was', async () => {
        await put(`${at}/a`, 'first');
        await expect(store.put(`${at}/a`, bodyOf('second'), { ...options, size: 99 })).rejects.toThrow('99');
        expect((await read(`${at}/a`)).toString()).toBe('first');
      });

      test('ends with the reason when aborted in the middle, even while the body hangs, and leaves nothing', async () => {
        const abort = new AbortController();
        let reachEnd: () => void = () => undefined;
        const hanging = new Promise<void>((resolve) => {
          reachEnd = resolve;
        });
        async function* stuck(): ObjectBody {
          yield pattern(100_000);
          setTimeout(() => abort.abort(new Error('told to stop')), 20);
          await hanging;
          yield pattern(1);
        }
        await expect(store.put(`${at}/a`, stuck(), { signal: abort.signal })).rejects.toThrow('told to stop');
        reachEnd();
        expect(await store.head(`${at}/a`, options)).toBeUndefined();
        await expectKeys(at, []);
      });

      test('does nothing when it was aborted before', async () => {
        const signal = AbortSignal.abort(new Error('told to stop'));
        await expect(store.put(`${at}/a`, bodyOf('x'), { signal })).rejects.toThrow('told to stop');
        await expect(store.get(`${at}/a`, { signal })).rejects.toThrow('told to stop');
        await expect(store.head(`${at}/a`, { signal })).rejects.toThrow('told to stop');
        await expect(store.deleteMany([`${at}/a`], { signal })).rejects.toThrow('told to stop');
        await expect(collect(store.list(at, { signal }))).rejects.toThrow('told to stop');
        await expectKeys(at, []);
      });

      test('closes a body that it does not read to the end', async () => {
        let closed = false;
        async function* watched(): ObjectBody {
          try {
            for (;;) yield pattern(10);
          } finally {
            closed = true;
          }
        }
        await expect(store.put(`${at}/a`, watched(), { ...options, size: 25 })).rejects.toMatchObject({
          code: 'store.incomplete',
        });
        expect(closed).toBe(true);
      });

      test('replaces an object, shorter by longer and back', async () => {
        for (const text of ['a', 'a much longer text', '']) {
          await put(`${at}/a`, text);
          expect((await read(`${at}/a`)).toString()).toBe(text);
        }
      });

      test('many at once, in the same and in other folders', async () => {
        const keys = Array.from(
          { length: 60 },
          (_, index) => `${at}/folder-${index % 7}/deep/object-${String(index).padStart(2, '0')}`,
        );
        await Promise.all(keys.map((key) => put(key, key)));
        await expectKeys(`${at}/`, keys.toSorted());
        for (const key of keys) expect((await read(key)).toString()).toBe(key);
      });
    });

    describe('objects in parts', () => {
      test.each([
        ['of known size, above what goes in one request', 20 * MIB, true],
        ['of unknown size', 20 * MIB, false],
        ['that ends with a part', 16 * MIB, false],
        ['of known size that ends with a part', 16 * MIB, true],
        ['with one byte in the last part', 16 * MIB + 1, true],
      ])('one %s', async (_what, size, known) => {
        const body = large(size);
        const pieces = [body.subarray(0, 5), body.subarray(5, 3 * MIB + 1), body.subarray(3 * MIB + 1)];
        const info = await store.put(`${at}/a`, bodyOf(...pieces), { ...options, ...(known && { size }) });
        expect(info).toMatchObject({ key: `${at}/a`, size });
        expect((await store.head(`${at}/a`, options))?.size).toBe(size);
        await expectSizes(`${at}/`, [[`${at}/a`, size]]);
        expect((await read(`${at}/a`)).equals(body)).toBe(true);
      });

      test('one that breaks off in a later part leaves nothing, and the earlier object', async () => {
        await put(`${at}/a`, 'first');
        async function* failing(): ObjectBody {
          yield large(18 * MIB);
          throw new Error('the disk of the source broke');
        }
        await expect(store.put(`${at}/a`, failing(), options)).rejects.toThrow('the disk of the source broke');
        await expect(store.put(`${at}/b`, failing(), options)).rejects.toThrow('the disk of the source broke');
        await expect(
          store.put(`${at}/b`, bodyOf(large(18 * MIB)), { ...options, size: 19 * MIB }),
        ).rejects.toMatchObject({ code: 'store.incomplete' });
        expect((await read(`${at}/a`)).toString()).toBe('first');
        await expectSizes(`${at}/`, [[`${at}/a`, 5]]);
      });

      test('parallel reads of ranges, over the borders of parts', async () => {
        const body = large(17 * MIB);
        await put(`${at}/a`, body);
        const ranges = Array.from({ length: 17 }, (_, index) => ({
          offset: Math.max(0, index * MIB - 10),
          length: MIB + 10,
        }));
        const found = await Promise.all(ranges.map((range) => read(`${at}/a`, range)));
        for (const [index, { offset, length }] of ranges.entries()) {
          expect(found[index]?.equals(body.subarray(offset, offset + length)), `${offset}`).toBe(true);
        }
      });

      test('a conditional create refuses a taken name and keeps what is there', async () => {
        const first = large(17 * MIB);
        await store.put(`${at}/a`, bodyOf(first), { ...options, ifAbsent: true });
        for (const body of [large(17 * MIB, 2), pattern(3)]) {
          await expect(store.put(`${at}/a`, bodyOf(body), { ...options, ifAbsent: true })).rejects.toMatchObject({
            code: 'store.exists',
          });
        }
        expect((await read(`${at}/a`)).equals(first)).toBe(true);
      });

      test('one of three concurrent creators wins, as far as the store promises it', async (context) => {
        const size = Math.min(17 * MIB, await store.conditionalCreateLimit(options));
        if (size === 0) context.skip('this store has no atomic conditional create');
        const bodies = [1, 2, 3].map((seed) => large(size, seed));
        const outcomes = await Promise.allSettled(
          bodies.map((body) => store.put(`${at}/a`, bodyOf(body), { ...options, size, ifAbsent: true })),
        );
        const winners = bodies.filter((_, index) => outcomes[index]?.status === 'fulfilled');
        const others = outcomes.filter((outcome) => outcome.status === 'rejected').map((outcome) => outcome.reason);
        expect(winners).toHaveLength(1);
        expect(others.map((error) => isFailure(error, 'store.exists'))).toEqual([true, true]);
        expect((await read(`${at}/a`)).equals(winners[0] ?? new Uint8Array())).toBe(true);
      });

      test('what abandoned uploads left is removed, and nothing else', async () => {
        await put(`${at}/a`, large(17 * MIB));
        await put(`${at}/b`, 'small');
        expect(await store.removeAbandonedUploads(`${at}/`, Date.now() - 60 * 60_000, options)).toBe(0);
        // Clocks of servers differ by a little.
        await store.removeAbandonedUploads(`${at}/`, Date.now() + 60 * 60_000, options);
        expect(await store.removeAbandonedUploads(`${at}/`, Date.now() + 60 * 60_000, options)).toBe(0);
        expect((await read(`${at}/a`)).equals(large(17 * MIB))).toBe(true);
        expect((await read(`${at}/b`)).toString()).toBe('small');
      });
    });

    describe('conditional create', () => {
      test('creates, then refuses and keeps the first', async () => {
        await store.put(`${at}/a`, bodyOf('first'), { ...options, ifAbsent: true });
        await expect(store.put(`${at}/a`, bodyOf('second'), { ...options, ifAbsent: true })).rejects.toMatchObject({
          code: 'store.exists',
        });
        expect((await read(`${at}/a`)).toString()).toBe('first');
      });

      test('works again after a removal', async () => {
        await store.put(`${at}/a`, bodyOf('first'), { ...options, ifAbsent: true });
        await store.deleteMany([`${at}/a`], options);
        await store.put(`${at}/a`, bodyOf('second'), { ...options, ifAbsent: true });
        expect((await read(`${at}/a`)).toString()).toBe('second');
      });

      test('one of eight concurrent creators wins', async (context) => {
        if ((await store.conditionalCreateLimit(options)) === 0)
          context.skip('this store has no atomic conditional create');
        for (let round = 0; round < 5; round += 1) {
          const key = `${at}/round-${round}/a`;
          const writers = Array.from({ length: 8 }, (_, index) => `writer ${index}`);
          const outcomes = await Promise.allSettled(
            writers.map((writer) => store.put(key, bodyOf(writer, ' wrote this'), { ...options, ifAbsent: true })),
          );
          const winners = writers.filter((_, index) => outcomes[index]?.status === 'fulfilled');
          const others = outcomes.filter((outcome) => outcome.status === 'rejected').map((outcome) => outcome.reason);
          expect(winners).toHaveLength(1);
          expect(others.every((error) => isFailure(error, 'store.exists'))).toBe(true);
          expect((await read(key)).toString()).toBe(`${winners[0]} wrote this`);
        }
      });
    });

    describe('get and head', () => {
      test('say that an object is not there', async () => {
        for (const key of [`${at}/none`, `${at}/none/deeper`]) {
          await expect(store.get(key, options)).rejects.toMatchObject({ code: 'store.not-found' });
          expect(await store.head(key, options)).toBeUndefined();
        }
      });

      test('a folder is not an object', async () => {
        await put(`${at}/folder/a`, 'x');
        await expect(store.get(`${at}/folder`, options)).rejects.toMatchObject({ code: 'store.not-found' });
        expect(await store.head(`${at}/folder`, options)).toBeUndefined();
      });

      test('head gives size and time', async () => {
        const info = await put(`${at}/a`, 'twelve bytes');
        const found = await store.head(`${at}/a`, options);
        expect(found).toMatchObject({ key: `${at}/a`, size: 12 });
        expect(Math.abs((found?.storedAt ?? 0) - info.storedAt)).toBeLessThan(5000);
        expect(Math.abs((found?.storedAt ?? 0) - Date.now())).toBeLessThan(15 * 60_000);
      });

      test('ranges are exact', async () => {
        const body = pattern(3 * MIB + 17);
        await put(`${at}/a`, body);
        for (const [offset, length] of [
          [0, 1],
          [0, body.length],
          [body.length - 1, 1],
          [MIB - 1, 2],
          [12_345, 2 * MIB],
          [body.length, 0],
          [77, 0],
        ] as const) {
          const found = await read(`${at}/a`, { offset, length });
          expect(found.equals(body.subarray(offset, offset + length)), `${offset}+${length}`).toBe(true);
        }
      });

      test('a range beyond the end is an error', async () => {
        await put(`${at}/a`, 'ten bytes.');
        for (const range of [
          { offset: 0, length: 11 },
          { offset: 10, length: 1 },
          { offset: 500, length: 2 },
          { offset: 11, length: 0 },
        ]) {
          await expect(read(`${at}/a`, range)).rejects.toMatchObject({ code: 'store.incomplete' });
        }
      });

      test.each([
        { offset: -1, length: 1 },
        { offset: 0, length: -1 },
        { offset: 0.5, length: 1 },
        { offset: Number.NaN, length: 1 },
      ])('the range %o is refused', async (range) => {
        await put(`${at}/a`, 'x');
        await expect(read(`${at}/a`, range)).rejects.toMatchObject({ code: 'value.invalid' });
      });

      test('reading may be broken off', async () => {
        await put(`${at}/a`, pattern(4 * MIB));
        for (let round = 0; round < 40; round += 1) {
          for await (const piece of await store.get(`${at}/a`, options)) {
            expect(piece.length).toBeGreaterThan(0);
            break;
          }
          const unread = (await store.get(`${at}/a`, options))[Symbol.asyncIterator]();
          await unread.return?.();
        }
        expect((await read(`${at}/a`)).length).toBe(4 * MIB);
      });

      test('an abort ends a body that is being read', async () => {
        await put(`${at}/a`, pattern(8 * MIB));
        const abort = new AbortController();
        const body = await store.get(`${at}/a`, { signal: abort.signal });
        const reading = (async (): Promise<void> => {
          for await (const piece of body) if (piece.length > 0) abort.abort(new Error('told to stop'));
        })();
        await expect(reading).rejects.toThrow('told to stop');
      });

      test('see an object as soon as its put has ended, and no longer when its delete has', async () => {
        for (let round = 0; round < 10; round += 1) {
          await put(`${at}/a`, `round ${round}`);
          expect((await read(`${at}/a`)).toString()).toBe(`round ${round}`);
          if (store.capabilities.consistentListing || round === 9) await expectKeys(at, [`${at}/a`]);
          await store.deleteMany([`${at}/a`], options);
          expect(await store.head(`${at}/a`, options)).toBeUndefined();
          if (store.capabilities.consistentListing || round === 9) await expectKeys(at, []);
        }
      });
    });

    describe('list', () => {
      const NAMES = [
        'a',
        'a-b',
        'a.b',
        'a0',
        'aa',
        'b/-',
        'b/.x',
        'b/0',
        'b/c/d',
        'b-c',
        'b.c/x',
        'b0',
        'A',
        'Z/z',
        '_',
        '..a',
        '...',
        '-',
        '0',
      ];

      test('is in byte order, and a prefix is a string', async () => {
        const keys = NAMES.map((key) => `${at}/${key}`);
        for (const key of keys) await put(key, key);
        const sorted = keys.toSorted();
        await expectKeys(`${at}/`, sorted);
        for (const prefix of [
          'a',
          'b',
          'b/',
          'b/c',
          'b-',
          'b.',
          'Z',
          '.',
          '..',
          'b/.',
          'zz',
          'a/',
          'b/c/d/',
          'b/0/x',
        ]) {
          expect(await keysOf(`${at}/${prefix}`), prefix).toEqual(
            sorted.filter((key) => key.startsWith(`${at}/${prefix}`)),
          );
        }
        for (const after of [
          ...sorted,
          `${at}/`,
          `${at}/a/`,
          `${at}/b`,
          `${at}/b/`,
          `${at}/b/c`,
          `${at}/b/c/`,
          `${at}/b/zz`,
          `${at}0`,
          'zzz',
          ' ',
        ]) {
          expect(await keysOf(`${at}/`, after), after).toEqual(sorted.filter((key) => key > after));
          expect(await keysOf(`${at}/b`, after), after).toEqual(
            sorted.filter((key) => key > after && key.startsWith(`${at}/b`)),
          );
        }
      });

      test('gives sizes and times', async () => {
        await put(`${at}/a`, '123');
        await expectKeys(at, [`${at}/a`]);
        const [info] = (await listPages(at)).flat();
        expect(info).toMatchObject({ key: `${at}/a`, size: 3 });
        expect(Math.abs((info?.storedAt ?? 0) - Date.now())).toBeLessThan(15 * 60_000);
      });

      test('comes in pages, is complete, and may be broken off', async () => {
        const keys = Array.from(
          { length: 2345 },
          (_, index) => `${at}/${String(index % 3)}/${String(index).padStart(5, '0')}`,
        ).toSorted();
        for (let start = 0; start < keys.length; start += 64) {
          await Promise.all(keys.slice(start, start + 64).map((key) => put(key, 'x')));
        }
        await expectKeys(`${at}/`, keys);
        const pages = await listPages(`${at}/`);
        expect(pages.length).toBeGreaterThan(1);
        expect(pages.every((page) => page.length > 0)).toBe(true);
        expect(pages.flat().map((info) => info.key)).toEqual(keys);
        expect(await keysOf(`${at}/`, keys[1999])).toEqual(keys.slice(2000));
        for await (const page of store.list(`${at}/`, options)) {
          expect(page[0]?.key).toBe(keys[0]);
          break;
        }
        const results = await store.deleteMany(keys, options);
        expect(results.map((result) => result.key)).toEqual(keys);
        expect(results.every((result) => result.kind === 'removed')).toBe(true);
        await expectKeys(at, []);
      });

      test('of nothing is empty', async () => {
        expect(await listPages(`${at}/nothing/`)).toEqual([]);
      });

      test('is complete for what was there before and after, while others write and remove', async () => {
        const lasting = Array.from({ length: 150 }, (_, index) => `${at}/${index % 10}/lasting-${index}`);
        await Promise.all(lasting.map((key) => put(key, 'x')));
        await expectKeys(`${at}/`, lasting.toSorted());
        const passing = Array.from({ length: 150 }, (_, index) => `${at}/${index % 15}/passing-${index}`);
        const stop = new AbortController();
        const writing = (async (): Promise<void> => {
          while (!stop.signal.aborted) {
            await Promise.all(passing.map((key) => put(key, 'x')));
            await store.deleteMany(passing, options);
          }
        })();
        for (let round = 0; round < 8; round += 1) {
          const found = await keysOf(`${at}/`);
          expect(found).toEqual(found.toSorted());
          expect(found.filter((key) => key.includes('lasting'))).toEqual(lasting.toSorted());
        }
        stop.abort();
        await writing;
      });
    });

    describe('deleteMany', () => {
      test('removes what is there, and counts what is not as removed', async () => {
        await put(`${at}/a`, 'x');
        await put(`${at}/b/c`, 'x');
        await put(`${at}/b/d`, 'x');
        const keys = [`${at}/b/c`, `${at}/never`, `${at}/a`, `${at}/never/there`, `${at}/b`];
        expect(await store.deleteMany(keys, options)).toEqual(keys.map((key) => ({ key, kind: 'removed' })));
        await expectKeys(at, [`${at}/b/d`]);
      });

      test('of nothing does nothing', async () => {
        expect(await store.deleteMany([], options)).toEqual([]);
      });

      test('and puts into the same folder do not hinder each other', async () => {
        for (let round = 0; round < 100; round += 1) {
          const old = `${at}/deep/er/old-${round}`;
          const young = `${at}/deep/er/young-${round}`;
          await put(old, 'x');
          const [results] = await Promise.all([
            store.deleteMany([old, `${at}/deep/er/young-${round - 1}`], options),
            put(young, 'y'),
          ]);
          expect(results.every((result) => result.kind === 'removed')).toBe(true);
          expect((await read(young)).toString()).toBe('y');
        }
      });
    });

    describe('keys', () => {
      const bad = [
        '',
        '/',
        '/a',
        'a/',
        'a//b',
        '.',
        '..',
        'a/..',
        '../a',
        'a/./b',
        'a/../../b',
        'a b',
        'a\u0000',
        'ä',
        'a\\b',
        'a:b',
        'a%2fb',
        'a'.repeat(256),
      ];
      test.each([...bad, `${'a/'.repeat(512)}a`])('%j is rejected', async (key) => {
        await expect(store.put(key, bodyOf('x'), options)).rejects.toMatchObject({ code: 'value.invalid' });
        await expect(store.get(key, options)).rejects.toMatchObject({ code: 'value.invalid' });
        await expect(store.head(key, options)).rejects.toMatchObject({ code: 'value.invalid' });
        await put(`${at}/kept`, 'x');
        await expect(store.deleteMany([`${at}/kept`, key], options)).rejects.toMatchObject({ code: 'value.invalid' });
        expect(await store.head(`${at}/kept`, options)).toBeDefined();
      });

      test.each(['/', '/a', 'a//', '../', 'a/../', './', 'a b', 'ä'])('the prefix %j is rejected', async (prefix) => {
        await expect(listPages(prefix)).rejects.toMatchObject({ code: 'value.invalid' });
      });

      test('may be as long as promised', async () => {
        const key = `${at}/${'a'.repeat(255)}/${'b'.repeat(255)}/${'c'.repeat(255)}/`.padEnd(900, 'd');
        await put(key, 'x');
        await expectKeys(at, [key]);
        expect((await read(key)).toString()).toBe('x');
      });
    });
  });
}
