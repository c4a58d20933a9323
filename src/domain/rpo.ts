import type { Instant } from './instant.ts';
import type { ObservedCluster, ObservedRepository } from './observed.ts';
import type { RecoveryInterval } from './recovery-window.ts';
import type { TimelineId } from './timeline.ts';

/** One known repository of a site with its recovery window. */
export interface RecoverableRepository {
  readonly repository: ObservedRepository;
  readonly intervals: readonly RecoveryInterval[];
}

/**
 * How old the newest restorable moment is, in whole seconds: what would be lost if the cluster were gone now. Zero only where that is
 * proven: a primary of the repository's own system was asked for its position, and the repository reaches it. A standby's position
 * proves nothing about its primary.
 *
 * Only what lies on the timelines that lead to the cluster's current one counts, where that is known: what an abandoned branch still
 * archives does not make the site safer. The moment is when the last segment was stored; where archiving had a backlog then, the true
 * loss is larger. Undefined where nothing can be restored.
 */
export function rpoSeconds(
  repositories: readonly RecoverableRepository[],
  cluster: ObservedCluster | undefined,
  now: Instant,
): number | undefined {
  let newest: Instant | undefined;
  for (const { repository, intervals } of repositories) {
    const own = isOwn(repository, cluster) ? cluster : undefined;
    for (const { timeline, toTime, toLsn } of intervals) {
      if (own && !leadsTo(repository, timeline, toLsn, own.timeline)) continue;
      if (own?.role === 'primary' && timeline === own.timeline && toLsn >= own.currentLsn) return 0;
      if (newest === undefined || toTime > newest) newest = toTime;
    }
  }
  return newest === undefined ? undefined : Math.max(1, Math.ceil((now - newest) / 1000));
}

const isOwn = ({ identity }: ObservedRepository, cluster: ObservedCluster | undefined): boolean =>
  identity === undefined || identity.systemIdentifier === cluster?.systemIdentifier;

/** Whether an interval that ends at `toLsn` lies on the way to `current`: on it, or on an ancestor and not past the fork. */
function leadsTo(repository: ObservedRepository, timeline: TimelineId, toLsn: bigint, current: TimelineId): boolean {
  if (timeline === current) return true;
  const history = repository.histories.get(current);
  // Without the history nobody knows where the current timeline comes from: then any earlier one may lead to it.
  if (!history) return timeline < current;
  return history.ancestors.some((ancestor) => ancestor.timeline === timeline && toLsn <= ancestor.switchLsn);
}
