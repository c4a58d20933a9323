import type { DesiredSite, RepositoryName } from './desired.ts';
import type { Instant } from './instant.ts';
import type { Observation, ObservedCluster, ObservedHost, ObservedRepository } from './observed.ts';
import type { Blocker } from './plan.ts';
import { type DetailedRecoveryWindow, detailRecoveryWindow } from './recovery-window.ts';
import { DEFAULT_SEGMENT_SIZE, type SegmentSize } from './segment.ts';

/** What the planning of one repository of a site rests on. */
export interface RepositoryContext {
  readonly site: DesiredSite;
  readonly name: RepositoryName;
  readonly repository: ObservedRepository;
  readonly size: SegmentSize;
  readonly window: DetailedRecoveryWindow;
  readonly cluster: Observation<ObservedCluster>;
  readonly host: Observation<ObservedHost> | undefined;
  readonly now: Instant;
}

export function repositoryContext(given: Omit<RepositoryContext, 'size' | 'window'>): RepositoryContext {
  const size = segmentSizeOf(given.repository, given.cluster);
  return { ...given, size, window: detailRecoveryWindow(given.repository, size) };
}

/** The repository's own segment size; before anything is stored there the cluster's. */
export function segmentSizeOf(
  repository: Pick<ObservedRepository, 'identity'>,
  cluster: Observation<ObservedCluster>,
): SegmentSize {
  return (
    repository.identity?.segmentSize ?? (cluster.kind === 'known' ? cluster.value.segmentSize : DEFAULT_SEGMENT_SIZE)
  );
}

/** Stops removing, and what needs the cluster, while nobody knows which cluster there is and how it does. */
export function unknownClusterBlockers({ cluster }: RepositoryContext): readonly Blocker[] {
  if (cluster.kind === 'known') return [];
  return [{ code: 'unknown-cluster', message: `the cluster could not be observed: ${cluster.reason}` }];
}

/** Stops everything for a site that is only watched. */
export function modeBlockers({ mode }: DesiredSite): readonly Blocker[] {
  if (mode === 'enforce') return [];
  const message =
    mode === 'detect'
      ? 'the site is in mode detect: differences are shown, not closed'
      : 'the site is suspended; resume it to go on';
  return [{ code: 'detect-only', message }];
}

/** Stops everything where the cluster that answers is not the one whose backups the repository holds. */
export function foreignBlockers({ repository, cluster, name }: RepositoryContext): readonly Blocker[] {
  const stored = repository.identity?.systemIdentifier;
  const found = cluster.kind === 'known' ? cluster.value.systemIdentifier : undefined;
  if (stored === undefined || found === undefined || stored === found) return [];
  const message = `repository "${name}" holds system ${stored}, but the cluster that answers is system ${found}: check the site's connections, or give the new cluster a site of its own`;
  return [{ code: 'foreign-cluster', message }];
}

/** Every guard of removing but approval and budget. */
export function removalBlockers(context: RepositoryContext): readonly Blocker[] {
  return [
    ...modeBlockers(context.site),
    ...unknownClusterBlockers(context),
    ...foreignBlockers(context),
    ...unreadableBlockers(context),
  ];
}

/** Stops removing where a backup that cannot be read may need anything. */
function unreadableBlockers({ repository, name, site }: RepositoryContext): readonly Blocker[] {
  return repository.unreadableBackups.map(({ id, reason }) => ({
    code: 'unreadable-backup',
    message: `backup ${id} in "${name}" cannot be read (${reason}), so nothing is removed that it may need: copy what is damaged from another repository, or give the backup up by removing sites/${site.name}/backups/${id} from the repository`,
  }));
}
