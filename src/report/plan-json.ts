import type { RepositoryName } from '../domain/desired.ts';
import { formatInstant, type Instant } from '../domain/instant.ts';
import type { Plan, PlannedAction, PlannedSite } from '../domain/plan.ts';
import type { RecoveryInterval } from '../domain/recovery-window.ts';
import type {
  PlanActionReport,
  PlanReport,
  PlanSiteReport,
  RepositoryIntervalReport,
} from '../policy/generated/plan-report.ts';
import { intervalReport } from './interval-json.ts';

/** The plan as the document of schema/plan.schema.json: what `--output json` prints and `--out` saves. */
export function renderPlanDocument(
  plan: Plan,
  options: {
    /** A saved plan is refused after this moment: what is due depends on the time. */
    readonly notAfter: Instant;
    readonly hoardVersion: string;
    readonly digestOf: (action: PlannedAction) => string;
  },
): PlanReport {
  const { actions } = plan;
  const total = (read: (action: PlannedAction) => number): number => actions.reduce((sum, each) => sum + read(each), 0);
  return {
    formatVersion: '1.0',
    hoardVersion: options.hoardVersion,
    createdAt: formatInstant(plan.createdAt),
    notAfter: formatInstant(options.notAfter),
    actions: actions.map((action) => actionReport(action, options.digestOf(action))),
    sites: plan.sites.map(siteReport),
    summary: {
      actions: actions.length,
      additive: total(({ risk }) => (risk === 'additive' ? 1 : 0)),
      destructive: total(({ risk }) => (risk === 'destructive' ? 1 : 0)),
      blocked: total(({ blockedBy }) => (blockedBy.length > 0 ? 1 : 0)),
      bytes: total(({ estimate }) => estimate.bytes),
      requests: total(({ estimate }) => estimate.requests),
    },
  };
}

function actionReport(action: PlannedAction, inputsDigest: string): PlanActionReport {
  const { id, site, repository, target, risk, reasonCode, reason, estimate } = action;
  return {
    id,
    kind: action.work.kind,
    site,
    repository,
    target,
    risk,
    reasonCode,
    reason,
    estimate: { bytes: estimate.bytes, requests: estimate.requests },
    dependsOn: [...action.dependsOn],
    blockedBy: action.blockedBy.map(({ code, message }) => ({ code, message })),
    inputsDigest,
  };
}

function siteReport(site: PlannedSite): PlanSiteReport {
  const { before, after } = site.recoveryWindow;
  return {
    name: site.name,
    converged: site.converged,
    recoveryWindow: { before: intervalsOf(before), after: intervalsOf(after) },
    findings: [...site.findings],
  };
}

function intervalsOf(windows: ReadonlyMap<RepositoryName, readonly RecoveryInterval[]>): RepositoryIntervalReport[] {
  return [...windows].flatMap(([repository, intervals]) =>
    intervals.map((interval) => ({ repository, ...intervalReport(interval) })),
  );
}
