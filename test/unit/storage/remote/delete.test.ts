import { describe, expect, test } from 'vitest';
import { Failure } from '../../../../src/domain/failure.ts';
import { bodyOf, collect, NEVER } from '../../../conformance/bodies.ts';
import { scripted, setup } from '../../../support/scripted-store.ts';

const options = { signal: NEVER };

describe('deleteMany', () => {
  test('in batches, with duplicates, in the order of the keys', async () => {
    const { store, count } = setup({ deleteBatch: 3, fault: scripted({ deleteBatch: ['unavailable', 'lost'] }) });
    const keys = ['d', 'a', 'c', 'a', 'b', 'e', 'd', 'f', 'g'];
    for (const key of keys) await store.put(key, bodyOf('x'), options);
    expect(await store.deleteMany(keys, options)).toEqual(keys.map((key) => ({ key, kind: 'removed' })));
    // Each that got no answer is repeated in two parts.
    expect(count('deleteBatch')).toBe(7);
    expect(await collect(store.list('', options))).toEqual([]);
  });

  test('keys that failed for a passing reason are tried again, others are not', async () => {
    const { store, driver } = setup();
    const asked: (readonly string[])[] = [];
    driver.deleteBatch = async (keys) => {
      asked.push(keys);
      return keys.map((key) => {
        if (key === 'locked') return { key, kind: 'retained', until: 5 };
        if (key === 'denied') return { key, kind: 'failed', error: new Failure('store.denied', { message: 'no' }) };
        const passing = new Failure('store.unavailable', { message: 'internal error' });
        if (key === 'never' || asked.length < 3) return { key, kind: 'failed', error: passing };
        return { key, kind: 'removed' };
      });
    };
    const results = await store.deleteMany(['locked', 'denied', 'never', 'soon'], options);
    expect(results.map(({ key, kind }) => [key, kind])).toEqual([
      ['locked', 'retained'],
      ['denied', 'failed'],
      ['never', 'failed'],
      ['soon', 'removed'],
    ]);
    expect(asked.slice(0, 4)).toEqual([
      ['locked', 'denied', 'never', 'soon'],
      ['never', 'soon'],
      ['never', 'soon'],
      ['never'],
    ]);
  });

  test('get through in parts where a server never ends a large request', async () => {
    const { store, driver } = setup();
    const keys = Array.from({ length: 90 }, (_, index) => `key-${index}`);
    const sizes: number[] = [];
    const deleteAll = driver.deleteBatch.bind(driver);
    driver.deleteBatch = async (some, deleteOptions) => {
      sizes.push(some.length);
      // Some of its work is done, which nobody is told.
      const answer = await deleteAll(some.slice(0, 20), deleteOptions);
      if (some.length > 20) throw new Failure('store.unavailable', { message: 'the connection was lost' });
      return answer;
    };
    for (const key of keys) await store.put(key, bodyOf('x'), options);
    expect(await store.deleteMany(keys, options)).toEqual(keys.map((key) => ({ key, kind: 'removed' })));
    expect(sizes).toEqual([90, 45, 23, 12, 12, 12, 12, 12, 12, 12, 6]);
    expect(await collect(store.list('', options))).toEqual([]);
  });

  test('a key that failed is asked for again, also where the request that repeats it is cut in two', async () => {
    const { store, driver } = setup();
    const asked: (readonly string[])[] = [];
    driver.deleteBatch = async (keys) => {
      asked.push(keys);
      const passing = new Failure('store.unavailable', { message: 'internal error' });
      if (asked.length === 2) throw passing;
      return keys.map((key) =>
        asked.length === 1 && key !== 'c' ? { key, kind: 'failed', error: passing } : { key, kind: 'removed' },
      );
    };
    expect((await store.deleteMany(['a', 'b', 'c'], options)).map(({ kind }) => kind)).toEqual(
      Array.from({ length: 3 }, () => 'removed'),
    );
    expect(asked).toEqual([['a', 'b', 'c'], ['a', 'b'], ['a'], ['b']]);
  });

  test('are asked for as before where a server asks to slow down', async () => {
    const { store, driver } = setup();
    const sizes: number[] = [];
    driver.deleteBatch = async (some) => {
      sizes.push(some.length);
      if (sizes.length < 3) throw new Failure('store.throttled', { message: 'slow down' });
      return some.map((key) => ({ key, kind: 'removed' }) as const);
    };
    await store.deleteMany(['a', 'b', 'c'], options);
    expect(sizes).toEqual([3, 3, 3]);
  });

  test('a store that does not answer about a key, or at all, is an error', async () => {
    const { store, driver } = setup();
    driver.deleteBatch = async (keys) => keys.slice(1).map((key) => ({ key, kind: 'removed' }) as const);
    await expect(store.deleteMany(['a', 'b'], options)).rejects.toMatchObject({ code: 'store.unavailable' });
    driver.deleteBatch = async () => {
      throw new Failure('store.absent', { message: 'no bucket' });
    };
    await expect(store.deleteMany(['a', 'b'], options)).rejects.toMatchObject({ code: 'store.absent' });
  });
});
