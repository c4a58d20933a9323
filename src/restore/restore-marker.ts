import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../domain/error-code.ts';
import { isOwnerGone, isSameHost, type LeaseOwner } from '../repository/lease-owner.ts';
import { syncFile, syncFolder } from './durable.ts';

/** Lies in a data directory as long as its restore has not ended: it says whose directory it is, and that nothing else may be in it. */
export const MARKER_NAME = 'hoard-restore.json';
/** Where the marker is written first. */
export const UNFINISHED_MARKER_NAME = `${MARKER_NAME}.new`;

export interface RestoreMarker {
  readonly site: string;
  readonly systemIdentifier: string;
  readonly backup: string;
  /** Where the tablespaces go. */
  readonly tablespaces: readonly { readonly oid: string; readonly directory: string }[];
}

export interface FoundMarker {
  readonly text: string;
  /** The process that restores, or restored, here. */
  readonly owner: LeaseOwner | undefined;
}

/** `ifAbsent`: EEXIST where another process has put its marker there in between. */
export async function writeMarker(
  directory: string,
  marker: RestoreMarker,
  owner: LeaseOwner,
  ifAbsent: boolean,
): Promise<void> {
  const path = join(directory, UNFINISHED_MARKER_NAME);
  await rm(path, { force: true });
  const text = JSON.stringify({ ...comparable(marker), owner }, undefined, 2);
  await writeFile(path, `${text}\n`, { mode: 0o600, flag: 'wx' });
  await syncFile(path);
  if (ifAbsent) {
    await link(path, join(directory, MARKER_NAME));
    await rm(path);
  } else {
    await rename(path, join(directory, MARKER_NAME));
  }
  await syncFolder(directory);
}

/** The marker of a directory, undefined where there is none. */
export async function readMarker(directory: string): Promise<FoundMarker | undefined> {
  try {
    const text = await readFile(join(directory, MARKER_NAME), 'utf8');
    return { text, owner: ownerIn(text) };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whether the marker is of the same restore into the same places. */
export function isSameRestore({ text }: FoundMarker, marker: RestoreMarker): boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    const { owner: _, ...rest } = Object(parsed) as { readonly owner?: unknown };
    return JSON.stringify(rest) === JSON.stringify(comparable(marker));
  } catch {
    return false;
  }
}

/** Whether the process of the marker is known to be another one that still runs. Of other hosts and boots nothing is known. */
export async function isAnotherRunning({ owner }: FoundMarker, self: LeaseOwner): Promise<boolean> {
  if (owner === undefined || !isSameHost(owner, self)) return false;
  const own = owner.pid === self.pid && owner.processStart === self.processStart;
  return !own && !(await isOwnerGone(owner, self));
}

export async function removeMarker(directory: string): Promise<void> {
  await rm(join(directory, MARKER_NAME));
  await syncFolder(directory);
}

const comparable = ({ site, systemIdentifier, backup, tablespaces }: RestoreMarker): object => ({
  formatVersion: '1.0',
  site,
  systemIdentifier,
  backup,
  tablespaces: tablespaces.map(({ oid, directory }) => ({ oid, directory })),
});

function ownerIn(text: string): LeaseOwner | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    const owner: unknown = Object(parsed).owner;
    const { host, pid, processStart, bootId, pidNamespace } = Object(owner) as Partial<
      Record<keyof LeaseOwner, unknown>
    >;
    if (typeof host !== 'string' || typeof pid !== 'number' || typeof processStart !== 'string') return undefined;
    if (typeof bootId !== 'string' || typeof pidNamespace !== 'string') return undefined;
    return { host, pid, processStart, bootId, pidNamespace };
  } catch {
    return undefined;
  }
}
