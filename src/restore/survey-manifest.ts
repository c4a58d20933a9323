import { Failure, isFailure } from '../domain/failure.ts';
import type { StoredBackup } from '../domain/observed.ts';
import { type BackupMarker, readMarker } from '../repository/backup-marker.ts';
import type { ManifestFile, ManifestFooter, ManifestHeader } from '../repository/manifest-types.ts';
import { requireMarkerFit } from '../repository/marker-fit.ts';
import { readManifest } from '../repository/read-manifest.ts';
import { describeRepository, type SiteRepository } from '../repository/site-repository.ts';
import { CONTROL_FILE } from './restore-layout.ts';
import { isStorageProblem } from './storage-problem.ts';

/** What a whole reading of a manifest says, before anything is written. */
export interface ManifestSurvey {
  /** The repository that gave it, and after it those that may help with damaged chunks. */
  readonly repositories: readonly [SiteRepository, ...SiteRepository[]];
  readonly marker: BackupMarker;
  readonly header: ManifestHeader;
  readonly footer: ManifestFooter;
  readonly control: ManifestFile;
}

/**
 * Reads the backup's manifest to its verified end, from the first repository that gives it whole, so that nothing is begun that cannot be
 * finished. A cluster without backup_label would start as if it had crashed and lose what changed during the backup: `restore.failed`.
 */
export async function surveyManifest(
  repositories: readonly SiteRepository[],
  backup: StoredBackup,
  signal: AbortSignal,
): Promise<ManifestSurvey> {
  let problem: Error = new Failure('bug', { message: 'a restore was given no repository' });
  let tried = false;
  for (const repo of repositories) {
    try {
      const found = await survey(repo, backup, signal);
      return { repositories: [repo, ...repositories.filter((other) => other !== repo)], ...found };
    } catch (error) {
      signal.throwIfAborted();
      if (!isStorageProblem(error)) throw error;
      // The preferred repository's problem is the one to tell.
      if (!tried) problem = error;
      tried = true;
    }
  }
  throw problem;
}

async function survey(
  repo: SiteRepository,
  backup: StoredBackup,
  signal: AbortSignal,
): Promise<Omit<ManifestSurvey, 'repositories'>> {
  const marker = await markerOf(repo, backup, signal);
  let header: ManifestHeader | undefined;
  let footer: ManifestFooter | undefined;
  let control: ManifestFile | undefined;
  let label = false;
  for await (const line of readManifest(repo, marker, signal)) {
    if (line.kind === 'header') header = line;
    else if (line.kind === 'footer') footer = line;
    else if (line.kind === 'file' && line.path === CONTROL_FILE) control = line;
    else if (line.kind === 'file' && line.path === 'backup_label') label = true;
  }
  const lacks = (what: string): Failure =>
    new Failure('restore.failed', {
      message: `backup ${backup.id} in ${describeRepository(repo)} has no ${what}: nothing that is restored from it could be trusted`,
      hint: 'restore another backup',
    });
  if (!header || !footer) throw lacks('header or footer');
  requireMarkerFit(repo, marker, header, footer);
  if (!control) throw lacks(CONTROL_FILE);
  if (!label && footer.backupLabel === undefined) throw lacks('backup_label');
  return { marker, header, footer, control };
}

async function markerOf(repo: SiteRepository, backup: StoredBackup, signal: AbortSignal): Promise<BackupMarker> {
  try {
    const marker = await readMarker(repo, backup.id, signal);
    if (marker.systemIdentifier === backup.systemIdentifier) return marker;
    throw new Failure('object.corrupt', {
      message: `backup ${backup.id} in ${describeRepository(repo)} is of system ${marker.systemIdentifier}, not ${backup.systemIdentifier}`,
    });
  } catch (error) {
    if (!isFailure(error, 'store.not-found')) throw error;
    throw new Failure('object.corrupt', {
      message: `backup ${backup.id} is not in ${describeRepository(repo)} any more`,
      cause: error,
    });
  }
}
