import { chmod, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../domain/error-code.ts';
import { Failure } from '../domain/failure.ts';
import type { LeaseOwner } from '../repository/lease-owner.ts';
import { makeDirectories } from '../storage/make-directories.ts';
import { syncFolder } from './durable.ts';
import {
  type FoundMarker,
  isAnotherRunning,
  isSameRestore,
  MARKER_NAME,
  type RestoreMarker,
  readMarker,
  UNFINISHED_MARKER_NAME,
  writeMarker,
} from './restore-marker.ts';

/** PostgreSQL starts only in a directory that nobody else can write to, and by default reads nothing that others can read. */
const DIRECTORY_MODE = 0o700;

export interface ClaimedDestination {
  /** An earlier restore of the same backup into the same places was interrupted here: what it completed is kept. */
  readonly resumed: boolean;
  /** Whom the files have to be given to, where that is another user than the one that makes them. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Lets this process take the directory again. The marker stays. */
  readonly release: () => void;
}

/** What this process restores into at the moment: its own marker says no more than that it once began. */
const active = new Set<string>();

/**
 * Takes a directory for a restore: one that is missing or empty, or that holds the marker of the same, interrupted restore. Everything else is
 * refused with `restore.destination` before anything is written. When it resolves, the marker lies there, durably.
 */
export async function claimDestination(
  directory: string,
  marker: RestoreMarker,
  self: LeaseOwner,
): Promise<ClaimedDestination> {
  if (active.has(directory)) throw refuse(`a restore is running in ${directory}`);
  active.add(directory);
  const release = (): void => void active.delete(directory);
  try {
    return { ...(await claim(directory, marker, self)), release };
  } catch (error) {
    release();
    throw error;
  }
}

async function claim(
  directory: string,
  marker: RestoreMarker,
  self: LeaseOwner,
): Promise<Omit<ClaimedDestination, 'release'>> {
  const names = await namesIn(directory);
  const found = await readMarker(directory);
  if (names.includes('postmaster.pid')) {
    throw refuse(`${directory} has a postmaster.pid: a server runs there, or ran and crashed`);
  }
  if (found) await requireResumable(directory, found, marker, self);
  else await requireEmpty(directory, names, marker);
  await makeFolder(directory);
  try {
    await writeMarker(directory, marker, self, found === undefined);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw refuse(`another restore has just begun in ${directory}`);
    throw error;
  }
  for (const tablespace of marker.tablespaces) await makeFolder(tablespace.directory);
  return { resumed: found !== undefined, owner: await ownerOf(directory) };
}

async function requireResumable(
  directory: string,
  found: FoundMarker,
  marker: RestoreMarker,
  self: LeaseOwner,
): Promise<void> {
  if (!isSameRestore(found, marker)) {
    throw refuse(
      `${directory} holds an interrupted restore of another backup, site or set of tablespaces (see ${MARKER_NAME})`,
    );
  }
  if (await isAnotherRunning(found, self)) {
    throw refuse(`a restore is running in ${directory} (process ${found.owner?.pid})`);
  }
}

async function requireEmpty(directory: string, names: readonly string[], marker: RestoreMarker): Promise<void> {
  const [first] = names.filter((name) => name !== UNFINISHED_MARKER_NAME);
  if (first !== undefined) throw refuse(`${directory} is not empty (it has "${first}")`);
  for (const tablespace of marker.tablespaces) {
    const [other] = await namesIn(tablespace.directory);
    if (other !== undefined) {
      throw refuse(`the tablespace directory ${tablespace.directory} is not empty (it has "${other}")`);
    }
  }
}

/** What counts: mkfs puts lost+found into every file system. A missing directory is an empty one. */
async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => name !== 'lost+found');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return [];
    if (code === 'ENOTDIR') throw refuse(`${directory} is not a directory`);
    throw error;
  }
}

async function makeFolder(directory: string): Promise<void> {
  const first = await makeDirectories(directory, DIRECTORY_MODE);
  await chmod(directory, DIRECTORY_MODE);
  if (first === undefined) return;
  for (let path = directory; path !== dirname(first); path = dirname(path)) await syncFolder(dirname(path));
}

/** The marker belongs to whoever restores, the directory to whom it was made for. */
async function ownerOf(directory: string): Promise<ClaimedDestination['owner']> {
  const [own, wanted] = [await stat(join(directory, MARKER_NAME)), await stat(directory)];
  return own.uid === wanted.uid ? undefined : { uid: wanted.uid, gid: wanted.gid };
}

const refuse = (message: string): Failure =>
  new Failure('restore.destination', {
    message,
    hint: 'restore into a new or empty directory; hoard never empties one',
  });
