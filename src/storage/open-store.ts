import type { DesiredRepository } from '../domain/desired.ts';
import { Failure } from '../domain/failure.ts';
import type { SecretResolver } from '../policy/secret-resolver.ts';
import { createLocalStore, openLocalStore } from './local/local-store.ts';
import type { ObjectStore } from './object-store.ts';
import { prefixedStore } from './prefixed-store.ts';

/**
 * The store of a repository, seen below the repository's prefix. Opening creates nothing and needs no store to be there: every
 * operation on a missing one throws `store.absent`. Throws `policy.unsupported` for what this version cannot do yet.
 */
export async function openStore(repository: DesiredRepository, _secrets: SecretResolver): Promise<ObjectStore> {
  const directory = requireUsable(repository);
  return prefixedStore(await openLocalStore(directory), repository.prefix);
}

/**
 * Makes the place of a repository a store, where it is none: for the moment when somebody has said that it is meant to be a new one.
 * Nothing else creates a store, so that a disk that is not mounted is never written to or read as empty. Idempotent.
 */
export async function createStore(repository: DesiredRepository, _secrets: SecretResolver): Promise<void> {
  await createLocalStore(requireUsable(repository));
}

function requireUsable(repository: DesiredRepository): string {
  const { storage, compression } = repository;
  const refuse = (what: string, hint: string): Failure =>
    new Failure('policy.unsupported', {
      message: `the repository "${repository.name}" declares ${what}, which this version cannot do yet`,
      hint,
    });
  if (repository.encrypted) throw refuse('encryption', 'leave spec.encryption out');
  if (compression.algorithm !== 'zstd' && compression.algorithm !== 'none') {
    throw refuse(`compression by ${compression.algorithm}`, 'use spec.compression.algorithm zstd or none');
  }
  if (storage.type !== 'local') throw refuse(`storage of type ${storage.type}`, 'use spec.storage.type local');
  return storage.directory;
}
