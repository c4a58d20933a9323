import { createHash } from 'node:crypto';
import { chown, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../domain/error-code.ts';
import { Failure, isFailure } from '../domain/failure.ts';
import { parseControlFile } from '../postgres/control-file.ts';
import type { ClaimedDestination } from './destination.ts';
import { syncFile, syncFolder } from './durable.ts';
import type { FolderMaker } from './folder-maker.ts';
import { addRecoverySettings, type RecoverySettings } from './recovery-settings.ts';
import { CONTROL_FILE, WAITING_CONTROL_FILE } from './restore-layout.ts';
import { removeMarker } from './restore-marker.ts';
import type { ManifestSurvey } from './survey-manifest.ts';
import { type PlacedTablespace, tablespaceMap } from './tablespaces.ts';

export interface FinishOrder {
  readonly survey: ManifestSurvey;
  readonly dataDirectory: string;
  readonly tablespaces: readonly PlacedTablespace[];
  readonly destination: ClaimedDestination;
  readonly folders: FolderMaker;
  readonly standby: boolean;
  readonly settings: RecoverySettings;
  readonly signal: AbortSignal;
}

/** The steps after the last file of the backup. Everything is durable before pg_control gets its name: from then on the cluster can start. */
export async function finishCluster(order: FinishOrder): Promise<void> {
  const { survey, dataDirectory, tablespaces, folders, standby } = order;
  const { owner } = order.destination;
  const write = async (name: string, text: string): Promise<void> => {
    const path = join(dataDirectory, name);
    await rm(path, { force: true });
    await writeFile(path, text, { mode: 0o600, flag: 'wx' });
    if (owner) await chown(path, owner.uid, owner.gid);
    await syncFile(path);
  };
  await requireOwnCluster(dataDirectory, survey);
  if (survey.footer.backupLabel !== undefined) await write('backup_label', survey.footer.backupLabel);
  await linkTablespaces(dataDirectory, tablespaces, folders);
  if (tablespaces.length > 0) await write('tablespace_map', tablespaceMap(tablespaces));
  await write('postgresql.auto.conf', addRecoverySettings(await keptSettings(dataDirectory), order.settings));
  await rm(join(dataDirectory, standby ? 'recovery.signal' : 'standby.signal'), { force: true });
  await write(standby ? 'standby.signal' : 'recovery.signal', '');
  await folders.sync(order.signal);
  await rename(join(dataDirectory, WAITING_CONTROL_FILE), join(dataDirectory, CONTROL_FILE));
  await syncFolder(dirname(join(dataDirectory, CONTROL_FILE)));
  await removeMarker(dataDirectory);
}

/**
 * An earlier run was killed after its last step but one: the cluster could start. Its pg_control goes back to its waiting name, unless a
 * server has changed it since; then the directory is somebody's cluster.
 */
export async function takeBackControlFile(dataDirectory: string, survey: ManifestSurvey): Promise<void> {
  const path = join(dataDirectory, CONTROL_FILE);
  const found = await readFile(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (!found) return;
  if (createHash('sha256').update(found).digest('hex') !== survey.control.sha256) {
    throw new Failure('restore.destination', {
      message: `${dataDirectory} holds a finished restore on which a server has been started`,
      hint: 'remove hoard-restore.json from it if it is in use; otherwise empty the directory and restore again',
    });
  }
  await rename(path, join(dataDirectory, WAITING_CONTROL_FILE));
  await syncFolder(dirname(path));
}

async function linkTablespaces(
  dataDirectory: string,
  tablespaces: readonly PlacedTablespace[],
  folders: FolderMaker,
): Promise<void> {
  await rm(join(dataDirectory, 'tablespace_map'), { force: true });
  await folders.make(join(dataDirectory, 'pg_tblspc'));
  for (const { oid, directory } of tablespaces) {
    const path = join(dataDirectory, 'pg_tblspc', oid);
    if ((await readlink(path).catch(() => undefined)) === directory) continue;
    await rm(path, { force: true });
    await symlink(directory, path);
  }
}

/** postgresql.auto.conf as the backup has it. Some clusters have none. */
async function keptSettings(dataDirectory: string): Promise<string> {
  try {
    return await readFile(join(dataDirectory, 'postgresql.auto.conf'), 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/** The last look: what is about to be given its name is a control file of the cluster that was asked for. */
async function requireOwnCluster(dataDirectory: string, survey: ManifestSurvey): Promise<void> {
  const path = join(dataDirectory, WAITING_CONTROL_FILE);
  try {
    const { systemIdentifier } = parseControlFile(await readFile(path));
    if (systemIdentifier === survey.header.systemIdentifier) return;
    throw new Failure('restore.failed', {
      message: `the restored pg_control is of system ${systemIdentifier}, not ${survey.header.systemIdentifier}`,
    });
  } catch (error) {
    // A version of which we do not know the file: its bytes are those of the backup, and PostgreSQL checks them itself.
    if (!isFailure(error, 'postgres.unsupported')) throw error;
  }
}
