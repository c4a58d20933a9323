import type { DesiredSite, SiteName } from '../domain/desired.ts';
import type { Duration } from '../domain/duration.ts';
import { Failure } from '../domain/failure.ts';
import type { ObservedSite } from '../domain/observed.ts';
import type { ActionOutcome, ExecutedAction } from '../domain/outcome.ts';
import type { PlannedAction } from '../domain/plan.ts';
import type { LeaseOwner } from '../repository/lease-owner.ts';
import type { SiteObservation } from './observe-site.ts';
import type { OpenedSite, SiteContext } from './open-site.ts';
import { RepositorySession } from './repository-session.ts';
import { walkActions } from './walk-actions.ts';

// Two backups keep a disk and two cores busy; more would only share them.
const CONCURRENT_ACTIONS = 2;

/** A site that was observed for the plan. */
export interface PlannedSiteWork {
  /** As declared, with the repositories that are worked with. */
  readonly site: DesiredSite;
  readonly opened: OpenedSite;
  readonly observation: SiteObservation;
  readonly replan: (observed: ObservedSite) => readonly PlannedAction[];
}

/**
 * Carries out the actions of a plan. `verdictOn` gives the outcome of an action that is not to run (blocked, not approved), else
 * undefined. Does not throw for what fails: each action has its outcome, in the order of the plan.
 */
export async function executePlan(args: {
  readonly actions: readonly PlannedAction[];
  readonly verdictOn: (action: PlannedAction) => ActionOutcome | undefined;
  readonly sites: ReadonlyMap<SiteName, PlannedSiteWork>;
  readonly owner: LeaseOwner;
  /** How long to wait for a lease that another process holds. */
  readonly waitFor: Duration;
  readonly context: SiteContext;
}): Promise<readonly ExecutedAction[]> {
  const { owner, waitFor, context } = args;
  const sessions = new Map<string, RepositorySession>();

  const sessionFor = (action: PlannedAction): RepositorySession => {
    const key = groupOf(action);
    const known = sessions.get(key);
    if (known) return known;
    const work = args.sites.get(action.site);
    if (!work) throw new Failure('bug', { message: `the plan names site "${action.site}", which was not observed` });
    const { opened, observation, replan } = work;
    const { repository } = action;
    const create = observation.toCreate.has(repository);
    const planned = observation.observed;
    const session = new RepositorySession({ opened, repository, planned, create, replan, owner, waitFor, context });
    sessions.set(key, session);
    return session;
  };

  return walkActions({
    actions: args.actions,
    concurrency: CONCURRENT_ACTIONS,
    groupOf,
    verdictOn: args.verdictOn,
    run: (action) => sessionFor(action).run(action),
    leaveGroup: async (group) => sessions.get(group)?.[Symbol.asyncDispose](),
  });
}

const groupOf = ({ site, repository }: PlannedAction): string => `${site}/${repository}`;
