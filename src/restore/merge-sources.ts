import { Failure } from '../domain/failure.ts';
import type { ObservedRepository, StoredSegment } from '../domain/observed.ts';
import type { SegmentNumber, SegmentSize } from '../domain/segment.ts';
import type { TimelineHistory, TimelineId } from '../domain/timeline.ts';
import type { RestoreSource } from './restore-request.ts';

/** A repository that could be looked at, with the WAL of all of them: restore_command asks each for what the others lack. */
export interface MergedSource {
  readonly repository: RestoreSource['repository'];
  readonly observed: ObservedRepository;
  readonly size: SegmentSize;
}

/**
 * The sources that hold anything of the site. Throws `store.unavailable` where none could be looked at and `site.foreign-cluster` where they
 * hold different clusters.
 */
export function mergeSources(sources: readonly RestoreSource[]): readonly MergedSource[] {
  const unknown = sources.flatMap(({ repository, observation }) =>
    observation.kind === 'unknown' ? [`"${repository}": ${observation.reason}`] : [],
  );
  if (unknown.length === sources.length) {
    throw new Failure('store.unavailable', {
      message: `none of the site's repositories could be looked at (${unknown.join('; ') || 'it has none'})`,
    });
  }
  const known = sources.flatMap(({ repository, observation }) => {
    if (observation.kind === 'unknown' || observation.value.identity === undefined) return [];
    return [{ repository, observed: observation.value, identity: observation.value.identity }];
  });
  const [first] = known;
  const foreign = known.find(({ identity }) => identity.systemIdentifier !== first?.identity.systemIdentifier);
  if (first && foreign) {
    throw new Failure('site.foreign-cluster', {
      message: `repository "${first.repository}" holds the cluster ${first.identity.systemIdentifier}, but "${foreign.repository}" ${foreign.identity.systemIdentifier}`,
      hint: 'restore with only the repositories that hold the wanted cluster',
    });
  }
  const wal = mergeWal(known.map(({ observed }) => observed));
  const histories = new Map<TimelineId, TimelineHistory>(
    known.toReversed().flatMap(({ observed }) => [...observed.histories]),
  );
  return known.map(({ repository, observed, identity }) => ({
    repository,
    observed: { ...observed, wal, histories },
    size: identity.segmentSize,
  }));
}

function mergeWal(repositories: readonly ObservedRepository[]): ReadonlyMap<TimelineId, readonly StoredSegment[]> {
  const merged = new Map<TimelineId, Map<SegmentNumber, StoredSegment>>();
  for (const [timeline, segments] of repositories.flatMap(({ wal }) => [...wal])) {
    const into = merged.get(timeline) ?? new Map<SegmentNumber, StoredSegment>();
    merged.set(timeline, into);
    for (const segment of segments) {
      const other = into.get(segment.number);
      if (!other) into.set(segment.number, segment);
      else if (other.hash !== segment.hash || segment.conflict) into.set(segment.number, { ...other, conflict: true });
      // The earlier one says more exactly until when its content was written.
      else if (segment.storedAt < other.storedAt && !other.conflict) into.set(segment.number, segment);
    }
  }
  return new Map([...merged].map(([timeline, segments]) => [timeline, [...segments.values()]]));
}
