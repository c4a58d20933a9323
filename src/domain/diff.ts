import { repositoryAfter } from './after-plan.ts';
import type { DesiredSite, RepositoryName } from './desired.ts';
import { planBackup } from './diff-backups.ts';
import { type RepositoryContext, repositoryContext } from './diff-context.ts';
import { repositoryFindings, siteFindings } from './diff-findings.ts';
import { lockedOrphans, planOrphans } from './diff-orphans.ts';
import { planPrune } from './diff-prune.ts';
import { planArchive, planArchiveBlind } from './diff-wal.ts';
import type { Instant } from './instant.ts';
import type { ObservedSite } from './observed.ts';
import type { PlannedAction, PlannedSite } from './plan.ts';
import { computeRecoveryWindow, type RecoveryInterval } from './recovery-window.ts';
import type { BackupDecision } from './retention.ts';

/** One site's part of a plan. */
export interface SitePlan {
  readonly site: PlannedSite;
  /** In no particular order; `makePlan` orders them. */
  readonly actions: readonly PlannedAction[];
  /** Why each backup stays or goes, for the repositories that could be listed. */
  readonly retention: ReadonlyMap<RepositoryName, readonly BackupDecision[]>;
}

/**
 * The difference between what is declared for a site and what was observed, as actions. Pure: the same arguments give the same plan.
 * What could not be observed leads to findings and blockers, never to something destructive.
 */
export function diff(desired: DesiredSite, observed: ObservedSite, now: Instant): SitePlan {
  const actions: PlannedAction[] = [];
  const findings: string[] = [...siteFindings(observed)];
  const before = new Map<RepositoryName, readonly RecoveryInterval[]>();
  const after = new Map<RepositoryName, readonly RecoveryInterval[]>();
  const retention = new Map<RepositoryName, readonly BackupDecision[]>();
  let known = observed.cluster.kind === 'known' && observed.host?.kind !== 'unknown';

  for (const name of desired.repositories) {
    const observation = observed.repositories.get(name);
    if (observation?.kind !== 'known') {
      const reason = observation?.reason ?? 'it was not looked at';
      known = false;
      findings.push(`repository "${name}" could not be observed: ${reason}`);
      actions.push(...planArchiveBlind(desired, name, observed, reason));
      continue;
    }
    const { cluster, host } = observed;
    const context = repositoryContext({ site: desired, name, repository: observation.value, cluster, host, now });
    const planned = planRepository(context);
    actions.push(...planned.actions);
    findings.push(...planned.findings);
    retention.set(name, planned.decisions);
    before.set(name, context.window.intervals);
    const left = repositoryAfter(name, observation.value, planned.actions);
    after.set(
      name,
      left === observation.value ? context.window.intervals : computeRecoveryWindow(left, context.size).intervals,
    );
  }
  const converged = known && actions.length === 0;
  return { site: { name: desired.name, converged, recoveryWindow: { before, after }, findings }, actions, retention };
}

function planRepository(context: RepositoryContext): {
  readonly actions: readonly PlannedAction[];
  readonly findings: readonly string[];
  readonly decisions: readonly BackupDecision[];
} {
  const backups = planBackup(context);
  const prune = planPrune(context);
  const takesBackup = backups.some((action) => action.blockedBy.length === 0);
  const orphans = planOrphans(context, prune.actions, prune.going, takesBackup);
  return {
    actions: [...backups, ...planArchive(context), ...prune.actions, ...orphans],
    findings: [...repositoryFindings(context), ...prune.findings, ...lockedOrphans(context)],
    decisions: prune.decisions,
  };
}
