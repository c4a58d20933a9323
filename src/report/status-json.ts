import { siteConditions } from '../domain/conditions.ts';
import type { DesiredSite, RepositoryName } from '../domain/desired.ts';
import { segmentSizeOf } from '../domain/diff-context.ts';
import { formatInstant, type Instant } from '../domain/instant.ts';
import type { ObservedCluster, ObservedRepository, ObservedSite } from '../domain/observed.ts';
import type { PlannedAction } from '../domain/plan.ts';
import { computeRecoveryWindow, type RecoveryWindow } from '../domain/recovery-window.ts';
import { rpoSeconds } from '../domain/rpo.ts';
import { type SegmentSize, segmentName } from '../domain/segment.ts';
import type { WalGap } from '../domain/wal-gaps.ts';
import type {
  GapReport,
  ProofReport,
  RepositoryStatusReport,
  SiteStatusReport,
  StatusReport,
} from '../policy/generated/status-report.ts';
import { proofReport } from './backups-json.ts';
import { intervalReport } from './interval-json.ts';

/** What a site's status is computed from. */
export interface StatusInput {
  readonly site: DesiredSite;
  readonly observed: ObservedSite;
  readonly actions: readonly PlannedAction[];
  /** Names of the restore targets that are declared for the site. */
  readonly restoreTargets: readonly string[];
  /** What is worth knowing beyond what was observed. */
  readonly notes: readonly string[];
}

/** The document of schema/status.schema.json. */
export function renderStatusDocument(sites: readonly StatusInput[], now: Instant): StatusReport {
  return { formatVersion: '1.0', at: formatInstant(now), sites: sites.map((site) => siteReport(site, now)) };
}

interface KnownRepository {
  readonly name: RepositoryName;
  readonly stored: ObservedRepository;
  readonly size: SegmentSize;
  readonly window: RecoveryWindow;
}

function siteReport({ site, observed, actions, restoreTargets, notes }: StatusInput, now: Instant): SiteStatusReport {
  const known = knownRepositories(observed);
  const recoverable = known.map(({ stored, window }) => ({ repository: stored, intervals: window.intervals }));
  return {
    name: site.name,
    mode: site.mode,
    conditions: siteConditions({ desired: site, observed, actions, restoreTargets, now }).map(
      ({ type, status, reason, message }) => ({
        type,
        status,
        reason,
        message,
      }),
    ),
    repositories: site.repositories.map((name) => repositoryReport(name, observed, known)),
    rpoSeconds: rpoSeconds(recoverable, clusterOf(observed), now) ?? null,
    lastProof: newestProofOf(known),
    drift: actions.map(({ work, repository, reasonCode, reason }) => ({
      kind: work.kind,
      repository,
      reasonCode,
      reason,
    })),
    notes: [...notes],
  };
}

const clusterOf = ({ cluster }: ObservedSite): ObservedCluster | undefined =>
  cluster.kind === 'known' ? cluster.value : undefined;

function knownRepositories({ cluster, repositories }: ObservedSite): readonly KnownRepository[] {
  return [...repositories].flatMap(([name, observation]) => {
    if (observation.kind === 'unknown') return [];
    const size = segmentSizeOf(observation.value, cluster);
    return [{ name, stored: observation.value, size, window: computeRecoveryWindow(observation.value, size) }];
  });
}

function repositoryReport(
  name: RepositoryName,
  observed: ObservedSite,
  known: readonly KnownRepository[],
): RepositoryStatusReport {
  const found = known.find((each) => each.name === name);
  if (found === undefined) {
    const observation = observed.repositories.get(name);
    const reason = observation?.kind === 'unknown' ? observation.reason : 'it was not looked at';
    return { name, state: 'unknown', reason, backups: null, recoveryWindow: [], gaps: [] };
  }
  const { stored, window, size } = found;
  return {
    name,
    state: 'known',
    reason: null,
    backups: stored.backups.length - window.unrestorable.length,
    recoveryWindow: window.intervals.map(intervalReport),
    gaps: window.gaps.map((gap) => gapReport(gap, size)),
  };
}

function gapReport({ timeline, first, last, backup }: WalGap, size: SegmentSize): GapReport {
  return {
    timeline,
    firstSegment: segmentName({ timeline, number: first }, size),
    lastSegment: segmentName({ timeline, number: last }, size),
    count: last - first + 1,
    backup,
  };
}

function newestProofOf(known: readonly KnownRepository[]): ProofReport | null {
  const proofs = known.flatMap(({ name, stored }) => stored.proofs.map((proof) => ({ name, proof })));
  const newest = proofs.toSorted((a, b) => b.proof.at - a.proof.at)[0];
  return newest === undefined ? null : proofReport(newest.proof, newest.name);
}
