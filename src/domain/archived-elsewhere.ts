import type { DesiredSite } from './desired.ts';
import type { Observation, ObservedCluster, ObservedRepository } from './observed.ts';
import { parseSegmentName, type SegmentSize } from './segment.ts';

/**
 * Name of the segment that PostgreSQL counts as archived although the repository holds nothing so new: an archive_command that does not
 * lead to hoard (`/bin/true`, another tool) is a success for PostgreSQL, and no backup's WAL would ever come. The listing must be
 * younger than the cluster's observation. Undefined where there is no such sign.
 */
export function archivedElsewhere(
  { policy }: DesiredSite,
  cluster: Observation<ObservedCluster>,
  { identity, wal }: Pick<ObservedRepository, 'identity' | 'wal'>,
  size: SegmentSize,
): string | undefined {
  if (policy.wal.method !== 'archive-command' || cluster.kind === 'unknown') return undefined;
  const { role, timeline, systemIdentifier, archiving } = cluster.value;
  const { lastArchived } = archiving;
  if (role === 'standby' || (identity && identity.systemIdentifier !== systemIdentifier)) return undefined;
  // A backup's `.backup` file is named after a segment, which is archived before it.
  const segment = /^([0-9A-F]{24})(\.[0-9A-F]{8}\.backup)?$/.exec(lastArchived ?? '')?.[1];
  if (segment === undefined) return undefined;
  const archived = parseSegmentName(segment, size);
  // The statistics may be older than a promotion: an old timeline says nothing about how archiving goes now.
  if (archived.timeline !== timeline) return undefined;
  return wal.get(timeline)?.some(({ number }) => number >= archived.number) ? undefined : segment;
}

export const elsewhereMessage = (segment: string, repository: string): string =>
  `PostgreSQL counts ${segment} as archived, but "${repository}" does not hold it: archive_command must be 'hoard -f POLICIES wal push %p', with policies that name this repository`;
