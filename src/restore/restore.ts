import { resolve } from 'node:path';
import type { LeaseOwner } from '../repository/lease-owner.ts';
import type { SiteRepository } from '../repository/site-repository.ts';
import type { Effects } from '../telemetry/effects.ts';
import { type ClaimedDestination, claimDestination } from './destination.ts';
import { finishCluster, takeBackControlFile } from './finish-cluster.ts';
import { FolderMaker } from './folder-maker.ts';
import type { RecoverySettings } from './recovery-settings.ts';
import { restoreFailure } from './restore-error.ts';
import { type RestoredFiles, restoreFiles } from './restore-files.ts';
import type { RestoreChoice } from './restore-request.ts';
import { type ManifestSurvey, surveyManifest } from './survey-manifest.ts';
import { type PlacedTablespace, placeTablespaces } from './tablespaces.ts';

/** All that executeRestore needs. */
export interface RestoreOrder {
  /** What planRestore chose. */
  readonly choice: RestoreChoice;
  /** The site's repositories that could be opened; those that the choice names are used, in its order. */
  readonly repositories: readonly SiteRepository[];
  /** The data directory to be: new, empty, or an interrupted restore of the same backup. */
  readonly dataDirectory: string;
  /** Oid, old path or last name of the old path, to the new directory. */
  readonly tablespaces: ReadonlyMap<string, string>;
  /** `standby.signal` in place of `recovery.signal`: the copy goes on following, and the timeline setting is `latest`. */
  readonly standby: boolean;
  readonly settings: Pick<RecoverySettings, 'action' | 'restoreCommand' | 'archiveOff' | 'more'>;
  /** The process that restores, so that a second one notices. */
  readonly owner: LeaseOwner;
  readonly effects: Pick<Effects, 'clock' | 'reporter' | 'signal'>;
}

export interface RestoreOutcome {
  readonly dataDirectory: string;
  readonly tablespaces: readonly PlacedTablespace[];
  readonly files: number;
  readonly bytes: number;
  /** Files that an interrupted restore had completed. */
  readonly kept: number;
  readonly resumed: boolean;
  readonly durationMilliseconds: number;
}

/**
 * Restores a backup into a directory from which PostgreSQL can be started. Everything is verified while it is read and durable before
 * pg_control gets its name, which is the last step: an interrupted restore cannot start, and goes on where it was when it is called again.
 *
 * Throws `restore.destination` for a directory that is not its own, `object.corrupt` naming what no repository can give, `restore.failed` for a
 * backup that is not a cluster.
 */
export async function executeRestore(order: RestoreOrder): Promise<RestoreOutcome> {
  try {
    return await restore(order);
  } catch (error) {
    throw restoreFailure(error, order.dataDirectory);
  }
}

async function restore(order: RestoreOrder): Promise<RestoreOutcome> {
  const { choice, effects } = order;
  const { reporter, signal, clock } = effects;
  const started = clock.now();
  const task = `restore:${choice.backup.id}`;
  const dataDirectory = resolve(order.dataDirectory);
  // Now, not after hours: some say that the restore may not be the one that was wanted.
  for (const message of choice.notes) reporter.report({ kind: 'note', level: 'warning', message });
  const survey = await surveyManifest(chosenRepositories(order), choice.backup, signal);
  const tablespaces = placeTablespaces(survey.header.tablespaces, order.tablespaces, dataDirectory);
  const marker = {
    site: survey.header.site,
    systemIdentifier: survey.header.systemIdentifier,
    backup: survey.header.backup,
    tablespaces,
  };
  const destination = await claimDestination(dataDirectory, marker, order.owner);
  try {
    const restored = await fill(order, { survey, dataDirectory, tablespaces, destination, task });
    const durationMilliseconds = clock.now() - started;
    reporter.report({ kind: 'finished', task, summary: `restored ${restored.files} files into ${dataDirectory}` });
    return { dataDirectory, tablespaces, ...restored, resumed: destination.resumed, durationMilliseconds };
  } catch (error) {
    reporter.report({ kind: 'failed', task, message: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    destination.release();
  }
}

interface Filling {
  readonly survey: ManifestSurvey;
  readonly dataDirectory: string;
  readonly tablespaces: readonly PlacedTablespace[];
  readonly destination: ClaimedDestination;
  readonly task: string;
}

async function fill(order: RestoreOrder, filling: Filling): Promise<RestoredFiles> {
  const { survey, dataDirectory, tablespaces, destination, task } = filling;
  const { reporter, signal } = order.effects;
  reporter.report({
    kind: 'started',
    task,
    title: `${destination.resumed ? 'resume' : 'restore'} ${order.choice.backup.id} into ${dataDirectory}`,
    totalBytes: survey.footer.bytes,
  });
  if (destination.resumed) await takeBackControlFile(dataDirectory, survey);
  const folders = new FolderMaker([dataDirectory, ...tablespaces.map(({ directory }) => directory)], destination.owner);
  const restored = await restoreFiles({ ...filling, folders, reporter, signal });
  await finishCluster({ ...filling, folders, standby: order.standby, settings: settingsOf(order), signal });
  return restored;
}

function chosenRepositories({ choice, repositories }: RestoreOrder): readonly SiteRepository[] {
  return [choice.repository, ...choice.alternatives].flatMap((name) =>
    repositories.filter((repo) => repo.name === name),
  );
}

const settingsOf = ({ choice, settings, standby }: RestoreOrder): RecoverySettings => ({
  ...settings,
  target: choice.target,
  timeline: standby ? 'latest' : choice.timeline,
});
