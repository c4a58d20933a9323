import { openCodec } from '../codec/open-codec.ts';
import type { Desired, DesiredRepository, DesiredSite, RepositoryName } from '../domain/desired.ts';
import { Failure } from '../domain/failure.ts';
import type { SecretResolver } from '../policy/secret-resolver.ts';
import { openEncryption } from '../repository/open-encryption.ts';
import { openSiteRepository, type SiteRepository } from '../repository/site-repository.ts';
import { openStore } from '../storage/open-store.ts';
import type { Effects } from '../telemetry/effects.ts';

/** What opening and observing need from outside. */
export interface SiteContext {
  readonly effects: Effects;
  readonly secrets: SecretResolver;
  /** The version of hoard, for what it writes. */
  readonly toolVersion: string;
  /** The user's own folder for what can be lost without harm; absent: nothing is kept. */
  readonly cacheDirectory?: string;
}

/** A site with its repositories opened; closed by `await using`. */
export interface OpenedSite extends AsyncDisposable {
  readonly site: DesiredSite;
  /** In the declared order. */
  readonly repositories: ReadonlyMap<RepositoryName, OpenedRepository>;
}

export interface OpenedRepository {
  readonly desired: DesiredRepository;
  /** A Failure where it could not be opened: what it holds is then unknown, and the site's other repositories are worked with. */
  readonly opened: SiteRepository | Failure;
}

/** Opens those of the site's repositories that `wanted` accepts (left out: all). Never throws for one that cannot be opened. */
export async function openSite(
  site: DesiredSite,
  desired: Pick<Desired, 'repositories'>,
  context: SiteContext,
  wanted: (name: RepositoryName) => boolean = () => true,
): Promise<OpenedSite> {
  const names = site.repositories.filter(wanted);
  const entries = await Promise.all(
    names.map(async (name): Promise<readonly [RepositoryName, OpenedRepository]> => {
      const repository = desired.repositories.get(name);
      if (!repository)
        throw new Failure('bug', { message: `site "${site.name}" names no declared repository "${name}"` });
      return [name, { desired: repository, opened: await openRepository(site, repository, context) }];
    }),
  );
  const repositories = new Map(entries);
  return {
    site,
    repositories,
    async [Symbol.asyncDispose]() {
      for (const { opened } of repositories.values()) if (!(opened instanceof Failure)) await opened.store.close();
    },
  };
}

async function openRepository(
  site: DesiredSite,
  repository: DesiredRepository,
  { effects, secrets, cacheDirectory }: SiteContext,
): Promise<SiteRepository | Failure> {
  try {
    const store = await openStore(repository, { ...effects, secrets });
    const { clock, random, signal } = effects;
    const { encryption } = repository;
    return openSiteRepository({
      repository,
      site: site.name,
      store,
      codec: openCodec(repository.compression),
      ...(encryption && { encryption: openEncryption(encryption, { secrets, clock, signal }) }),
      ...(cacheDirectory !== undefined && { cacheDirectory }),
      clock,
      random,
    });
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}
