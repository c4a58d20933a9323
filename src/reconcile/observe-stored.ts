import type { Desired, DesiredSite, RepositoryName, SiteName } from '../domain/desired.ts';
import type { Observation, ObservedRepository } from '../domain/observed.ts';
import { mapBounded } from '../storage/bounded.ts';
import { observeRepositories } from './observe-site.ts';
import { openSite, type SiteContext } from './open-site.ts';

/** What one repository holds for one site. */
export interface StoredSite {
  readonly site: SiteName;
  readonly repository: RepositoryName;
  readonly observation: Observation<ObservedRepository>;
}

const OBSERVED_AT_ONCE = 8;

/** Looks at repositories alone: works without any cluster, as after a disaster. Sites and repositories in the declared order. */
export async function observeStored(
  desired: Pick<Desired, 'repositories'>,
  sites: readonly DesiredSite[],
  context: SiteContext,
  wanted: (name: RepositoryName) => boolean,
): Promise<readonly StoredSite[]> {
  const found = await mapBounded(sites, OBSERVED_AT_ONCE, context.effects.signal, async (site) => {
    await using opened = await openSite(site, desired, context, wanted);
    const { repositories } = await observeRepositories(opened, context, () => 'unknown');
    return [...repositories].map(([repository, observation]) => ({ site: site.name, repository, observation }));
  });
  return found.flat();
}
