import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalStore, openLocalStore } from '../../src/storage/local/local-store.ts';
import { prefixedStore } from '../../src/storage/prefixed-store.ts';
import { objectStoreConformance, type TestedStore } from './object-store.ts';

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
