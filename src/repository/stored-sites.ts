import { SITES_PREFIX } from './layout.ts';
import type { SiteRepository } from './site-repository.ts';

/** Names of all sites of which the repository holds anything, this one's too. Lists one page for each. */
export async function storedSites(
  { store }: Pick<SiteRepository, 'store'>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (let startAfter = SITES_PREFIX; ; ) {
    const name = await nextSite(store, startAfter, signal);
    if (name === undefined) return names;
    names.push(name);
    // "0" follows "/" in byte order: behind everything of this site.
    startAfter = `${SITES_PREFIX}${name}0`;
  }
}

async function nextSite(
  store: SiteRepository['store'],
  startAfter: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  for await (const [first] of store.list(SITES_PREFIX, { signal, startAfter })) {
    if (first) return first.key.slice(SITES_PREFIX.length).split('/')[0];
  }
  return undefined;
}
