import type { Desired, DesiredSite, RepositoryName, SiteName } from '../domain/desired.ts';
import { diff, type SitePlan } from '../domain/diff.ts';
import { makePlan, type Plan } from '../domain/plan.ts';
import { mapBounded } from '../storage/bounded.ts';
import type { PlannedSiteWork } from './execute-plan.ts';
import { fleetNotes } from './fleet-notes.ts';
import { type AbsenceRule, observeSite } from './observe-site.ts';
import { openSite, type SiteContext } from './open-site.ts';

// Sites that are looked at side by side: enough to hide the waiting of a fleet, few enough for a database host's connection limit.
const OBSERVED_AT_ONCE = 8;

/** A plan together with the opened sites that it was made from; closed by `await using`. */
export interface PlannedFleet extends AsyncDisposable {
  readonly plan: Plan;
  /** What is worth knowing about a site beyond what was observed of it; part of the plan's findings. */
  readonly notes: ReadonlyMap<SiteName, readonly string[]>;
  readonly sites: ReadonlyMap<SiteName, PlannedSiteWork>;
}

export interface FleetSelection {
  readonly desired: Desired;
  readonly sites: readonly DesiredSite[];
  /** Which of a site's repositories are looked at and acted on. */
  readonly wanted: (name: RepositoryName) => boolean;
  readonly absence: AbsenceRule;
}

/** Observes the sites and plans the difference. A site that cannot be observed has findings in the plan and delays no other. */
export async function planFleet(selection: FleetSelection, context: SiteContext): Promise<PlannedFleet> {
  const { clock, signal } = context.effects;
  const parts = await mapBounded(selection.sites, OBSERVED_AT_ONCE, signal, async (declared) => {
    const opened = await openSite(declared, selection.desired, context, selection.wanted);
    // The planner sees the site as declared with the repositories that were asked for, so that the others are not "unknown" to it.
    const site = { ...declared, repositories: declared.repositories.filter(selection.wanted) };
    const observation = await observeSite(opened, context, selection.absence);
    const planned = diff(site, observation.observed, clock.now());
    const work: PlannedSiteWork = {
      site,
      opened,
      observation,
      replan: (observed) => diff(site, observed, clock.now()).actions,
    };
    return { planned, work };
  });
  const notes = await fleetNotes(
    selection.desired,
    parts.map(({ work }) => work),
    context,
  );
  return {
    plan: makePlan(
      parts.map(({ planned }) => withNotes(planned, notes)),
      clock.now(),
    ),
    notes,
    sites: new Map(parts.map(({ work }) => [work.site.name, work])),
    async [Symbol.asyncDispose]() {
      for (const { work } of parts) await work.opened[Symbol.asyncDispose]();
    },
  };
}

function withNotes(planned: SitePlan, notes: ReadonlyMap<SiteName, readonly string[]>): SitePlan {
  const { site } = planned;
  return { ...planned, site: { ...site, findings: [...site.findings, ...(notes.get(site.name) ?? [])] } };
}
