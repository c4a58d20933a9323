import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CodecName } from '../../src/codec/codec.ts';
import { openCodec } from '../../src/codec/open-codec.ts';
import { type DesiredRepository, repositoryName, siteName } from '../../src/domain/desired.ts';
import { openSiteRepository, type SiteRepository } from '../../src/repository/site-repository.ts';
import { createLocalStore, openLocalStore } from '../../src/storage/local/local-store.ts';
import { systemClock } from '../../src/telemetry/system-effects.ts';

type OpenedEncryption = NonNullable<Parameters<typeof openSiteRepository>[0]['encryption']>;

/** A repository in a directory, with the real local store. */
export async function openTestRepository(
  directory: string,
  options: {
    readonly name?: string;
    readonly site?: string;
    readonly algorithm?: CodecName;
    readonly encryption?: OpenedEncryption;
    readonly cacheDirectory?: string;
  } = {},
): Promise<SiteRepository> {
  const repository: DesiredRepository = {
    name: repositoryName(options.name ?? 'main'),
    storage: { type: 'local', directory },
    prefix: '',
    compression: { algorithm: options.algorithm ?? 'zstd', level: undefined },
  };
  return openSiteRepository({
    repository,
    site: siteName(options.site ?? 'orders'),
    store: await openLocalStore(directory),
    codec: openCodec(repository.compression),
    ...(options.encryption && { encryption: options.encryption }),
    ...(options.cacheDirectory !== undefined && { cacheDirectory: options.cacheDirectory }),
    clock: systemClock,
    random: (count) => randomBytes(count),
  });
}

export interface TemporaryRepository extends AsyncDisposable {
  readonly repo: SiteRepository;
  readonly directory: string;
  /** Where an object lies in the file system. */
  pathOf(key: string): string;
  /** Damages an object behind the store's back. */
  rewrite(key: string, change: (bytes: Buffer) => Buffer): Promise<void>;
}

/** A new repository in a temporary directory that goes with it. */
export async function temporaryRepository(
  options: Parameters<typeof openTestRepository>[1] = {},
): Promise<TemporaryRepository> {
  const directory = await mkdtemp(join(tmpdir(), 'hoard-repository-'));
  await createLocalStore(directory);
  const pathOf = (key: string): string => join(directory, key);
  return {
    repo: await openTestRepository(directory, options),
    directory,
    pathOf,
    rewrite: async (key, change) => writeFile(pathOf(key), change(await readFile(pathOf(key)))),
    [Symbol.asyncDispose]: async () => rm(directory, { recursive: true, force: true }),
  };
}

/** A signal that never aborts. */
export const calm = (): AbortSignal => new AbortController().signal;
