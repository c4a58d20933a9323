import type { Stats } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { errorCode } from '../../domain/error-code.ts';
import { Failure } from '../../domain/failure.ts';
import { makeDirectories } from '../make-directories.ts';
import { checkKey } from '../object-key.ts';
import { syncDirectory } from './durable-directories.ts';
import { translating } from './errors.ts';

/** Repositories are for their owner and, to read, their group: a backup holds every secret that the database holds. */
export const DIRECTORY_MODE = 0o750;
export const FILE_MODE = 0o640;

const HIDDEN_FOLDER = '.hoard-store';

/** The directory of a local store. All of it must lie in one file system: objects are published by link and rename. */
export interface LocalRoot {
  /** Absolute; may be a symbolic link itself. */
  readonly directory: string;
  /** Holds unfinished writes. Its presence also says that the directory is a store and not the bare mount point of one. */
  readonly hidden: string;
}

export function localRoot(directory: string): LocalRoot {
  return { directory, hidden: join(directory, HIDDEN_FOLDER) };
}

/**
 * Makes the directory a store: the explicit step without which nothing is read from or written to a missing or bare directory.
 * Durable when it resolves; harmless when repeated.
 */
export async function createRoot(root: LocalRoot): Promise<void> {
  await translating(`create the store ${root.directory}`, async () => {
    const first = await makeDirectories(root.hidden, DIRECTORY_MODE);
    if (first === undefined) return;
    for (let path = root.hidden; path !== dirname(first); path = dirname(path)) await syncDirectory(path);
    await syncDirectory(dirname(first));
  });
}

/**
 * Throws `store.absent` unless the directory is a store: it has the hidden folder, or at least holds a folder (a repository that was
 * copied here without hidden files). A disk that is not mounted leaves a missing or an empty directory, at most with a note for
 * administrators in it, and none of these may ever read as an empty repository.
 */
export async function requireRoot(root: LocalRoot): Promise<void> {
  const missing = await translating(`look at ${root.directory}`, async () => {
    if (await exists(root.hidden)) return undefined;
    try {
      const entries = await readdir(root.directory, { withFileTypes: true });
      if (entries.some((entry) => entry.isDirectory() && entry.name !== 'lost+found')) return undefined;
      return entries.some(({ name }) => name !== 'lost+found') ? 'holds files, but no repository' : 'is empty';
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return 'does not exist';
      throw error;
    }
  });
  if (missing === undefined) return;
  throw new Failure('store.absent', {
    message: `there is no store at ${root.directory}: the directory ${missing}`,
    hint: 'mount the disk where it should hold one; a new store has to be created explicitly',
  });
}

/** Where an object lies. Throws `value.invalid` for a bad key and for one inside the hidden folder. */
export function objectPath(root: LocalRoot, key: string): string {
  checkKey(key);
  if (isHidden(key))
    throw new Failure('value.invalid', { message: `the object key "${key}" lies in the store's hidden folder` });
  return join(root.directory, key);
}

/** Whether a key (or a name at the top of the store) belongs to the hidden folder. */
export function isHidden(key: string): boolean {
  return key === HIDDEN_FOLDER || key.startsWith(`${HIDDEN_FOLDER}/`);
}

/** Throws where a symbolic link inside the store leads away from `directory`. ENOENT and the like pass through. */
export async function requireInside(root: LocalRoot, directory: string): Promise<void> {
  const inside = relative(root.directory, directory);
  const known = realPlaces.get(root);
  const real = await realpath(directory);
  if (known !== undefined && real === join(known, inside)) return;
  const base = await realpath(root.directory);
  if (real !== join(base, inside)) throw notFollowed(directory);
  realPlaces.set(root, base);
}

/** Where the directories of stores really are: looked at again only where an object does not lie below. */
const realPlaces = new WeakMap<LocalRoot, string>();

/** The refusal of anything in the store that is neither a directory nor a regular file: to skip it could hide objects. */
export function notFollowed(path: string): Failure {
  return new Failure('repository.foreign', {
    message: `${path} is or lies behind a symbolic link or special file, which a store must not contain`,
    hint: 'put the whole store into one file system, and let the declared directory itself be the link where one is needed',
  });
}

async function exists(path: string): Promise<boolean> {
  return (await statOrUndefined(path)) !== undefined;
}

/** lstat, or undefined where nothing is there. */
export async function statOrUndefined(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
