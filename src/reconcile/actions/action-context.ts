import type { DesiredSite } from '../../domain/desired.ts';
import type { ObservedRepository } from '../../domain/observed.ts';
import type { Lease } from '../../repository/lease.ts';
import type { SiteRepository } from '../../repository/site-repository.ts';
import type { SiteContext } from '../open-site.ts';

/** What a handler of an action works with. It holds the lease; `lease.signal` ends its work. */
export interface ActionContext extends SiteContext {
  readonly site: DesiredSite;
  readonly repo: SiteRepository;
  readonly lease: Lease;
  /** What the repository held when it was looked at under this lease. */
  readonly observed: ObservedRepository;
}
