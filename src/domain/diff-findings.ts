import { archivedElsewhere, elsewhereMessage } from './archived-elsewhere.ts';
import type { RepositoryContext } from './diff-context.ts';
import type { ObservedSite } from './observed.ts';
import { type SegmentNumber, segmentName } from './segment.ts';
import type { TimelineId } from './timeline.ts';

/** What is worth knowing about the site itself. */
export function siteFindings({ cluster, host }: ObservedSite): readonly string[] {
  const findings: string[] = [];
  if (cluster.kind === 'unknown') findings.push(`the cluster could not be observed: ${cluster.reason}`);
  if (host?.kind === 'unknown') findings.push(`the archive queue on this host could not be observed: ${host.reason}`);
  if (cluster.kind === 'known' && cluster.value.archiving.failing) {
    const { lastFailed, failedCount } = cluster.value.archiving;
    const file = lastFailed === undefined ? '' : ` at ${lastFailed}`;
    findings.push(
      `archiving fails${file}; ${failedCount} failure${failedCount === 1 ? '' : 's'} since the statistics were reset: see the server's log`,
    );
  }
  return findings;
}

/** What is worth knowing about one repository and leads to no action by itself. */
export function repositoryFindings({
  name,
  repository,
  window,
  site,
  size,
  cluster,
}: RepositoryContext): readonly string[] {
  const segment = (timeline: TimelineId, number: SegmentNumber): string => segmentName({ timeline, number }, size);
  const findings: string[] = [];
  for (const { id, reason } of repository.unreadableBackups)
    findings.push(`backup ${id} in "${name}" cannot be read: ${reason}`);
  for (const { backup, reason } of window.unrestorable)
    findings.push(`backup ${backup} in "${name}" cannot be restored: ${reason}`);
  for (const { timeline, first, last, backup } of window.gaps) {
    const range =
      first === last ? segment(timeline, first) : `${segment(timeline, first)} to ${segment(timeline, last)}`;
    findings.push(`WAL is missing in "${name}": ${range}; backup ${backup} cannot be restored beyond it`);
  }
  for (const [timeline, index] of window.wal.indexes) {
    for (const number of index.conflicts) {
      findings.push(
        `"${name}" holds different contents for WAL segment ${segment(timeline, number)}; it counts as missing`,
      );
    }
  }
  const elsewhere = archivedElsewhere(site, cluster, repository, size);
  if (elsewhere !== undefined) findings.push(elsewhereMessage(elsewhere, name));
  if (site.policy.backup.schedule === undefined && repository.backups.length === 0) {
    findings.push(
      `"${name}" holds no backup, and the policy has no schedule: take one with hoard backup take ${site.name}`,
    );
  }
  return findings;
}
