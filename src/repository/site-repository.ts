import type { Codec } from '../codec/codec.ts';
import type { DesiredRepository, RepositoryName, SiteName } from '../domain/desired.ts';
import type { Duration } from '../domain/duration.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { Clock } from '../telemetry/effects.ts';

/** One site's part of one repository: what every function of this layer works on. */
export interface SiteRepository {
  readonly name: RepositoryName;
  readonly site: SiteName;
  /** Already below the repository's prefix: keys start with `hoard.json` or `sites/`. */
  readonly store: ObjectStore;
  /** How new objects are written. Reading goes by each object's own extension. */
  readonly codec: Codec;
  /** What is stored stays locked for this long (storage.objectLock). */
  readonly lockedFor?: Duration;
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
}

/** `store` must already be rooted at the repository's prefix, as openStore returns it. Does no I/O. */
export function openSiteRepository(parts: {
  readonly repository: DesiredRepository;
  readonly site: SiteName;
  readonly store: ObjectStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
}): SiteRepository {
  const { repository, site, store, codec, clock, random } = parts;
  const lock = repository.storage.type === 's3' ? repository.storage.objectLock : undefined;
  const lockedFor = lock === undefined ? {} : { lockedFor: lock.for };
  return { name: repository.name, site, store, codec, clock, random, ...lockedFor };
}

/** For messages: `repository "main" (local /backup)`. */
export function describeRepository(repo: Pick<SiteRepository, 'name' | 'store'>): string {
  return `repository "${repo.name}" (${repo.store.description})`;
}
