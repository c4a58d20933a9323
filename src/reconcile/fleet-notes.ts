import type { Desired, RepositoryName, SiteName } from '../domain/desired.ts';
import { Failure } from '../domain/failure.ts';
import { notActedOn } from '../domain/not-acted-on.ts';
import { storedSites } from '../repository/stored-sites.ts';
import type { PlannedSiteWork } from './execute-plan.ts';
import type { SiteContext } from './open-site.ts';
import { createKeyNotes } from './retired-keys.ts';

/**
 * For each site: which of its repositories are not there yet (a typing error in their place would go unnoticed), what is declared
 * without effect, what only a retired key can open, and whose data lies in its repositories without being declared. Each undeclared site is
 * told once, with the first site that uses the repository.
 */
export async function fleetNotes(
  desired: Desired,
  works: readonly PlannedSiteWork[],
  context: SiteContext,
): Promise<ReadonlyMap<SiteName, readonly string[]>> {
  const { signal } = context.effects;
  const keyNotes = createKeyNotes(context);
  const notes = new Map<SiteName, readonly string[]>();
  const looked = new Set<RepositoryName>();
  for (const work of works) {
    const { site, observation } = work;
    const idle = notActedOn(desired, site);
    const keys: string[] = [];
    const undeclared: string[] = [];
    for (const name of site.repositories) {
      const stored = observation.observed.repositories.get(name);
      if (stored?.kind !== 'known') continue;
      const declared = desired.repositories.get(name);
      if (declared) keys.push(...(await keyNotes(declared, stored.value)));
      if (looked.has(name)) continue;
      looked.add(name);
      if (!observation.toCreate.has(name)) undeclared.push(...(await undeclaredIn(desired, work, name, signal)));
    }
    const absent = [...observation.toCreate].map(
      (name) => `repository "${name}" is not there: is its disk mounted? Where it is new, hoard apply makes it`,
    );
    notes.set(site.name, [...absent, ...(idle === undefined ? [] : [idle]), ...keys, ...undeclared]);
  }
  return notes;
}

async function undeclaredIn(
  desired: Desired,
  { opened }: PlannedSiteWork,
  name: RepositoryName,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const repository = opened.repositories.get(name)?.opened;
  if (repository === undefined || repository instanceof Failure) return [];
  const declared = new Set<string>(
    [...desired.sites.values()].flatMap((site) => [site.name, ...(site.movedFrom ?? [])]),
  );
  try {
    const others = (await storedSites(repository, signal)).filter((stored) => !declared.has(stored));
    return others.map(
      (other) => `repository "${name}" holds site "${other}", which no policy declares: it is kept as it is`,
    );
  } catch (error) {
    // It was listed a moment ago, and what is missing here is a remark.
    signal.throwIfAborted();
    if (error instanceof Failure && error.class !== 'bug') return [];
    throw error;
  }
}
