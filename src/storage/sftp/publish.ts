import type { Stats } from 'ssh2';
import { Failure } from '../../domain/failure.ts';
import { syncDirectory } from './files.ts';
import type { SftpPlace } from './place.ts';
import { replaceObject } from './replace.ts';
import { makeBelow, parentOf, requireRoot, statOrUndefined } from './root.ts';
import type { Session } from './session.ts';
import { hasStatus, STATUS, StatusError } from './status.ts';

/** How often a put makes its directory again because a delete has just removed the emptied one. Each round needs such a delete. */
const MOST_ROUNDS = 100;

interface Publication {
  readonly temp: string;
  readonly target: string;
  readonly ifAbsent: boolean;
}

/** Gives a finished file its name, in one step. May be repeated; the temporary name stays after a create, and goes with a replacement. */
export async function publish(
  session: Session,
  place: SftpPlace,
  { temp, target, ifAbsent }: Publication,
  signal: AbortSignal,
): Promise<void> {
  const parent = parentOf(target);
  for (let round = 1; ; round += 1) {
    try {
      if (round > 1) await makeBelow(session, place.root.directory, parent, signal);
      if (!ifAbsent) await replaceObject(session, temp, target, signal);
      else if (await place.hardLinks(signal)) await linkNew(session, place, temp, target, signal);
      else await renameNew(session, place, temp, target, signal);
      break;
    } catch (error) {
      if (!hasStatus(error, STATUS.noSuchFile) || round === MOST_ROUNDS) throw error;
      await requireRoot(session, place.root, signal);
      if ((await statOrUndefined(session, temp, signal)) === undefined) throw error;
    }
  }
  await syncPath(session, place, parent, signal);
}

/** Makes the names from the root to `directory` and those in it durable, whoever made them. */
export async function syncPath(
  session: Session,
  { root }: SftpPlace,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const paths = [directory];
  for (let path = directory; path !== root.directory; path = parentOf(path)) paths.push(parentOf(path));
  await Promise.all(paths.map(async (path) => syncDirectory(session, path, signal)));
}

async function linkNew(
  session: Session,
  place: SftpPlace,
  temp: string,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await session.run(signal, (sftp, done) => sftp.ext_openssh_hardlink(temp, target, done));
  } catch (error) {
    if (!(error instanceof StatusError) || error.status === STATUS.noSuchFile) throw error;
    const found = await statOrUndefined(session, target, signal);
    if (found === undefined) throw error;
    if (found.isFile() && (await isSameFile(session, temp, target, signal))) return;
    throw await taken(session, place, target, { found, cause: error }, signal);
  }
}

/** Without hard links: a look, and a rename, which by the protocol does not replace, but on some servers does. */
async function renameNew(
  session: Session,
  place: SftpPlace,
  temp: string,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const found = await statOrUndefined(session, target, signal);
  if (found !== undefined) throw await taken(session, place, target, { found }, signal);
  try {
    await session.run(signal, (sftp, done) => sftp.rename(temp, target, done));
  } catch (error) {
    if (!(error instanceof StatusError) || error.status === STATUS.noSuchFile) throw error;
    const other = await statOrUndefined(session, target, signal);
    if (other === undefined) throw error;
    throw await taken(session, place, target, { found: other, cause: error }, signal);
  }
}

async function taken(
  session: Session,
  place: SftpPlace,
  target: string,
  { found, cause }: { readonly found: Stats; readonly cause?: unknown },
  signal: AbortSignal,
): Promise<Failure> {
  if (found.isDirectory())
    return new Failure('value.invalid', { message: `${target} is a directory of other objects`, cause });
  // Whoever put it may not have got so far as to make it durable.
  await syncPath(session, place, parentOf(target), signal);
  return new Failure('store.exists', { message: `${target} exists already`, cause });
}

/**
 * Whether two names are one file, for a link whose answer was lost. The protocol shows neither inodes nor the number of links: so the
 * time of the one, which is this put's own, is moved by a second, and the other moves with it or does not.
 */
export async function isSameFile(session: Session, own: string, other: string, signal: AbortSignal): Promise<boolean> {
  const before = await statOrUndefined(session, other, signal);
  if (before?.isFile() !== true) return false;
  const setTime = async (mtime: number): Promise<void> =>
    session.run(signal, (sftp, done) => sftp.setstat(own, { atime: before.atime, mtime }, done));
  const mine = await statOrUndefined(session, own, signal);
  if (mine === undefined || mine.size !== before.size || mine.mtime !== before.mtime) return false;
  await setTime(before.mtime - 1);
  const after = await statOrUndefined(session, other, signal);
  await setTime(before.mtime);
  return after?.mtime === before.mtime - 1;
}
