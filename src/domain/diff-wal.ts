import { bytesOf } from './bytes.ts';
import { canonicalText } from './canonical.ts';
import type { DesiredSite, RepositoryName } from './desired.ts';
import { foreignBlockers, modeBlockers, type RepositoryContext, segmentSizeOf } from './diff-context.ts';
import { isFailure, unreachable } from './failure.ts';
import type { ObservedRepository, ObservedSite } from './observed.ts';
import type { Blocker, PlannedAction } from './plan.ts';
import { parseSegmentName, type SegmentSize } from './segment.ts';
import { recogniseWalFile } from './wal-file.ts';

/**
 * The files that wait in the server's archive queue on this host and that the repository lacks. PostgreSQL pushes them too; whoever
 * comes first, the other finds them stored.
 */
export function planArchive(context: RepositoryContext): readonly PlannedAction[] {
  const { site, name, host, repository, size } = context;
  if (site.policy.wal.method !== 'archive-command' || host?.kind !== 'known') return [];
  const files = missingFiles(repository, host.value.ready, size);
  return files.length === 0
    ? []
    : [archiveAction(site, name, files, size, [...modeBlockers(site), ...foreignBlockers(context)])];
}

/** Where the repository is unknown: files wait, and nobody can say whether it has them. */
export function planArchiveBlind(
  site: DesiredSite,
  name: RepositoryName,
  observed: ObservedSite,
  why: string,
): readonly PlannedAction[] {
  const { host, cluster } = observed;
  if (site.policy.wal.method !== 'archive-command' || host?.kind !== 'known') return [];
  const files = host.value.ready.filter((file) => recogniseWalFile(file) !== undefined);
  if (files.length === 0) return [];
  const size = segmentSizeOf({ identity: undefined }, cluster);
  const message = `whether "${name}" has them is unknown: ${why}`;
  return [archiveAction(site, name, files, size, [...modeBlockers(site), { code: 'unknown-repository', message }])];
}

/** Of the names of WAL files, the ones that the repository does not hold; other names are left out. */
function missingFiles(repository: ObservedRepository, names: readonly string[], size: SegmentSize): readonly string[] {
  const stored = new Map(
    [...repository.wal].map(([timeline, segments]) => [timeline, new Set<number>(segments.map((s) => s.number))]),
  );
  return names.filter((name) => {
    const file = recogniseWalFile(name);
    if (!file) return false;
    switch (file.kind) {
      case 'segment':
        return !stored.get(file.timeline)?.has(numberOf(name, size));
      case 'history':
        return !repository.histories.has(file.timeline);
      case 'partial':
      case 'backup-label':
        return !repository.otherWalFiles.has(name);
      default:
        return unreachable(file);
    }
  });
}

/** −1, which is never stored, where the name does not fit the segment size: the push will refuse it and say why. */
function numberOf(name: string, size: SegmentSize): number {
  try {
    return parseSegmentName(name, size).number;
  } catch (error) {
    if (isFailure(error, 'value.invalid')) return -1;
    throw error;
  }
}

function archiveAction(
  site: DesiredSite,
  name: RepositoryName,
  files: readonly string[],
  size: SegmentSize,
  blockedBy: readonly Blocker[],
): PlannedAction {
  const [first = '', ...others] = files;
  const segments = files.filter((file) => recogniseWalFile(file)?.kind === 'segment').length;
  return {
    id: `wal.archive:${site.name}:${name}`,
    site: site.name,
    repository: name,
    target: others.length === 0 ? first : `${files.length} files from ${first}`,
    risk: 'additive',
    reasonCode: 'wal-ready',
    reason: `PostgreSQL has ${files.length === 1 ? 'a WAL file' : `${files.length} WAL files`} ready that repository "${name}" does not hold`,
    estimate: { bytes: bytesOf(segments * size), requests: files.length * 3 },
    dependsOn: [],
    blockedBy,
    inputs: canonicalText({ files }),
    work: { kind: 'wal.archive', files },
  };
}
