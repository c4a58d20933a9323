import { mapBounded } from '../bounded.ts';
import type { DeleteResult } from '../object-store.ts';
import type { DriverOptions } from '../remote/driver.ts';
import { syncDirectory } from './files.ts';
import type { SftpPlace } from './place.ts';
import { objectPath, parentOf, requireRoot, statOrUndefined } from './root.ts';
import type { Session } from './session.ts';
import { hasStatus, STATUS, StatusError, translating } from './status.ts';

export const DELETE_BATCH = 1000;
/** Requests are answered in the order in which they came: more would only wait in the server. */
const AT_ONCE = 64;

/** StoreDriver.deleteBatch. Emptied directories go as well: a put that is under way in one of them makes it again. */
export async function deleteObjects(
  place: SftpPlace,
  keys: readonly string[],
  { signal }: DriverOptions,
): Promise<readonly DeleteResult[]> {
  const paths = new Map(keys.map((key) => [key, objectPath(place.root, key)]));
  const session = await place.connection.session(signal);
  await requireRoot(session, place.root, signal);
  const attempt = async (path: string, work: () => Promise<void>): Promise<readonly [string, Error | undefined]> => {
    try {
      await translating(`remove ${path}`, work);
      return [path, undefined];
    } catch (error) {
      // A connection that is gone is gone for all of them: the batch is sent again, and what was removed is absent then.
      if (!session.usable || signal.aborted || !(error instanceof Error)) throw error;
      return [path, error];
    }
  };
  const unlinked = new Map(
    await mapBounded([...new Set(paths.values())], AT_ONCE, signal, async (path) =>
      attempt(path, async () => unlink(session, path, signal)),
    ),
  );
  const removed = [...unlinked].filter(([, error]) => error === undefined).map(([path]) => path);
  const parents = [...new Set(removed.map(parentOf))];
  const settled = new Map(
    await mapBounded(parents, AT_ONCE, signal, async (parent) =>
      attempt(parent, async () => settle(session, place, parent, signal)),
    ),
  );
  return keys.map((key) => {
    const path = paths.get(key) ?? '';
    const error = unlinked.get(path) ?? settled.get(parentOf(path));
    return error === undefined ? { key, kind: 'removed' } : { key, kind: 'failed', error };
  });
}

async function unlink(session: Session, path: string, signal: AbortSignal): Promise<void> {
  try {
    await session.run(signal, (sftp, done) => sftp.unlink(path, done));
  } catch (error) {
    if (hasStatus(error, STATUS.noSuchFile)) return;
    // A directory of other objects is no object; the servers differ in what they say to that.
    if (!(error instanceof StatusError) || (await statOrUndefined(session, path, signal))?.isDirectory() !== true)
      throw error;
  }
}

/** Removes the directory and those above it as far as they are empty, and makes the removals durable. */
async function settle(session: Session, { root }: SftpPlace, directory: string, signal: AbortSignal): Promise<void> {
  let path = directory;
  while (path !== root.directory && (await removeIfEmpty(session, path, signal))) path = parentOf(path);
  for (;;) {
    try {
      await syncDirectory(session, path, signal);
      return;
    } catch (error) {
      // Another delete removed this one as well: what counts now is the directory above.
      if (!hasStatus(error, STATUS.noSuchFile) || path === root.directory) throw error;
      path = parentOf(path);
    }
  }
}

/** True where the directory is gone. Whatever stands against it (not empty, a mount point, no permission) may stay. */
async function removeIfEmpty(session: Session, path: string, signal: AbortSignal): Promise<boolean> {
  try {
    await session.run(signal, (sftp, done) => sftp.rmdir(path, done));
    return true;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return error.status === STATUS.noSuchFile;
  }
}
