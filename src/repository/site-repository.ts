import type { Codec } from '../codec/codec.ts';
import type { Decryptor, Encryptor } from '../codec/encryption.ts';
import type { Compression } from '../codec/open-codec.ts';
import { createDecryptor } from '../codec/openpgp/create-decryptor.ts';
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
  /** What `codec` was made of, for worker threads. */
  readonly compression: Compression;
  /** What new objects are encrypted and signed with; absent where no encryption is declared. Keys are read when it is asked for. */
  readonly encryptor?: () => Promise<Encryptor>;
  /** Reads what is encrypted, as far as private keys are declared. */
  readonly decryptor: Decryptor;
  /** The user's own folder for what may be lost; absent: nothing is kept there. */
  readonly cacheDirectory?: string;
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
  readonly encryption?: Pick<SiteRepository, 'encryptor' | 'decryptor'>;
  readonly cacheDirectory?: string;
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
}): SiteRepository {
  const { repository, encryption = { decryptor: WITHOUT_KEYS }, ...rest } = parts;
  const lock = repository.storage.type === 's3' ? repository.storage.objectLock : undefined;
  const lockedFor = lock === undefined ? {} : { lockedFor: lock.for };
  return { name: repository.name, compression: repository.compression, ...rest, ...encryption, ...lockedFor };
}

/** What is encrypted names the keys that it needs; what is only signed is read. */
const WITHOUT_KEYS = createDecryptor({ privateKeys: () => Promise.resolve([]), signers: undefined });

/** For messages: `repository "main" (local /backup)`. */
export function describeRepository(repo: Pick<SiteRepository, 'name' | 'store'>): string {
  return `repository "${repo.name}" (${repo.store.description})`;
}
