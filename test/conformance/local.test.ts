import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createLocalStore, openLocalStore } from '../../src/storage/local/local-store.ts';
import { prefixedStore } from '../../src/storage/prefixed-store.ts';
import { lateListingStore } from '../support/late-listing-store.ts';
import { bodyOf, collect, NEVER } from './bodies.ts';
import { objectStoreConformance, type TestedStore } from './object-store.ts';

const options = { signal: NEVER };

async function createTestedStore(): Promise<TestedStore> {
  const directory = await mkdtemp(join(tmpdir(), 'hoard-local-'));
  await createLocalStore(directory);
  return { store: await openLocalStore(directory), remove: () => rm(directory, { recursive: true, force: true }) };
}

objectStoreConformance('a local directory', createTestedStore);

objectStoreConformance('a prefix of a local directory', async () => {
  const { store, remove } = await createTestedStore();
  return { store: prefixedStore(store, 'some/prefix'), remove };
});

describe('a store whose listings are late', () => {
  const create = async (): Promise<TestedStore> => {
    const { store, remove } = await createTestedStore();
    return { store: lateListingStore(store, 300), remove };
  };
  objectStoreConformance('it', create);

  test('shows what was put, and what was removed, only after a while', async () => {
    const { store, remove } = await create();
    const keys = async (): Promise<string[]> => (await collect(store.list('', options))).flat().map(({ key }) => key);
    await store.put('a', bodyOf('x'), options);
    expect(await store.head('a', options)).toBeDefined();
    expect(await keys()).toEqual([]);
    await expect.poll(keys).toEqual(['a']);
    await store.deleteMany(['a'], options);
    expect(await keys()).toEqual(['a']);
    await expect.poll(keys).toEqual([]);
    await store.close();
    await remove();
  });
});
