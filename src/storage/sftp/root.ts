import type { FileEntryWithStats, Stats } from 'ssh2';
import { Failure } from '../../domain/failure.ts';
import { checkKey } from '../object-key.ts';
import type { Session } from './session.ts';
import { hasStatus, STATUS, StatusError, translating } from './status.ts';

/** The layout, the modes and the rules of a local store (local/root.ts): the same directory can be either. */
const DIRECTORY_MODE = 0o750;
export const FILE_MODE = 0o640;
const HIDDEN_FOLDER = '.hoard-store';

export interface SftpRoot {
  /** As declared, without a slash at its end; a relative one begins where the login does. */
  readonly directory: string;
  readonly hidden: string;
  /** For people. */
  readonly description: string;
}

export function sftpRoot(directory: string, description: string): SftpRoot {
  const path = directory.replace(/(?<=.)\/+$/, '');
  return { directory: path, hidden: below(path, HIDDEN_FOLDER), description };
}

const below = (directory: string, name: string): string =>
  directory.endsWith('/') ? directory + name : `${directory}/${name}`;

export const parentOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf('/')));

/** Where an object lies. Throws `value.invalid` for a bad key and for one inside the hidden folder. */
export function objectPath(root: SftpRoot, key: string): string {
  checkKey(key);
  if (isHidden(key))
    throw new Failure('value.invalid', { message: `the object key "${key}" lies in the store's hidden folder` });
  return below(root.directory, key);
}

/** The directory of keys that begin with `top`, which is empty or ends in a slash. */
export const directoryOf = (root: SftpRoot, top: string): string =>
  top === '' ? root.directory : below(root.directory, top.slice(0, -1));

export function isHidden(key: string): boolean {
  return key === HIDDEN_FOLDER || key.startsWith(`${HIDDEN_FOLDER}/`);
}

/** lstat, or undefined where nothing is there. */
export async function statOrUndefined(session: Session, path: string, signal: AbortSignal): Promise<Stats | undefined> {
  try {
    return await session.ask<Stats>(signal, (sftp, done) => sftp.lstat(path, done));
  } catch (error) {
    if (hasStatus(error, STATUS.noSuchFile)) return undefined;
    throw error;
  }
}

/** The whole directory: the one thing of which memory depends on what is stored. */
export async function entriesOf(session: Session, path: string, signal: AbortSignal): Promise<FileEntryWithStats[]> {
  return session.ask<FileEntryWithStats[]>(signal, (sftp, done) => sftp.readdir(path, done));
}

/** `store.absent` unless the directory is a store, by the rule of a local one: an unmounted disk must not read as an empty repository. */
export async function requireRoot(session: Session, root: SftpRoot, signal: AbortSignal): Promise<void> {
  const missing = await translating(`look at ${root.description}`, async () => {
    if ((await statOrUndefined(session, root.hidden, signal)) !== undefined) return undefined;
    try {
      const entries = await entriesOf(session, root.directory, signal);
      if (entries.some(({ attrs, filename }) => attrs.isDirectory() && filename !== 'lost+found')) return undefined;
      return entries.some(({ filename }) => filename !== 'lost+found') ? 'holds files, but no repository' : 'is empty';
    } catch (error) {
      if (hasStatus(error, STATUS.noSuchFile)) return 'does not exist';
      throw error;
    }
  });
  if (missing === undefined) return;
  throw new Failure('store.absent', {
    message: `there is no store at ${root.description}: the directory ${missing}`,
    hint: 'mount the disk on the server where it should hold one; a new store has to be created explicitly',
  });
}

/** Like `mkdir -p`, but never makes `top`: the refusal where that is missing. */
export async function makeBelow(session: Session, top: string, path: string, signal: AbortSignal): Promise<void> {
  if (path === top) return;
  try {
    await makeOne(session, path, signal);
  } catch (error) {
    if (!hasStatus(error, STATUS.noSuchFile) || parentOf(path) === top || !parentOf(path).includes('/')) throw error;
    await makeBelow(session, top, parentOf(path), signal);
    await makeOne(session, path, signal);
  }
}

async function makeOne(session: Session, path: string, signal: AbortSignal): Promise<void> {
  try {
    await session.run(signal, (sftp, done) => sftp.mkdir(path, { mode: DIRECTORY_MODE }, done));
  } catch (error) {
    // Version 3 has no status for "exists".
    if (!(error instanceof StatusError) || error.status === STATUS.noSuchFile) throw error;
    const found = await statOrUndefined(session, path, signal);
    if (found === undefined) throw error;
    if (found.isDirectory()) return;
    if (found.isFile())
      throw new Failure('value.invalid', { message: `${path} is an object, and cannot hold others`, cause: error });
    throw notFollowed(path);
  }
}

/** The refusal of anything that is neither a directory nor a regular file: to skip it could hide objects. */
export function notFollowed(path: string): Failure {
  return new Failure('repository.foreign', {
    message: `${path} is a symbolic link or special file, which a store must not contain`,
    hint: 'put the whole store into one file system, and let the declared directory itself be the link where one is needed',
  });
}

/** Makes the directory a store; harmless when repeated. Directories above it are made as well. */
export async function createRoot(session: Session, root: SftpRoot, signal: AbortSignal): Promise<void> {
  await translating(`create the store ${root.description}`, async () => {
    if ((await statOrUndefined(session, root.hidden, signal)) !== undefined) return;
    // The declared directory may be a symbolic link.
    const there = await session
      .ask<Stats>(signal, (sftp, done) => sftp.stat(root.directory, done))
      .catch(() => undefined);
    if (there === undefined) await makeBelow(session, '/', root.directory, signal);
    await makeBelow(session, root.directory, root.hidden, signal);
  });
}
