import { Failure } from '../domain/failure.ts';
import type { OpenedSite } from '../reconcile/open-site.ts';
import type { SiteRepository } from '../repository/site-repository.ts';

/** The repositories of a site that could be opened, in the declared order, and why the others could not. */
export function splitOpened({ repositories }: OpenedSite): {
  readonly usable: readonly SiteRepository[];
  readonly failures: readonly Failure[];
} {
  const usable: SiteRepository[] = [];
  const failures: Failure[] = [];
  for (const { opened } of repositories.values()) {
    if (opened instanceof Failure) failures.push(opened);
    else usable.push(opened);
  }
  return { usable, failures };
}
