import { Failure } from '../../domain/failure.ts';
import type { DriverObject, DriverReadOptions } from '../remote/driver.ts';
import { SftpBody } from './body.ts';
import { closeFile, openFile, sizeAndTime } from './files.ts';
import type { SftpPlace } from './place.ts';
import { objectPath, requireRoot } from './root.ts';
import type { Session } from './session.ts';
import { hasStatus, STATUS, translating } from './status.ts';

/** StoreDriver.read. What is opened stays the same object, whoever replaces it meanwhile: objects are replaced by another file. */
export async function readObject(place: SftpPlace, key: string, options: DriverReadOptions): Promise<DriverObject> {
  const { range, signal, version } = options;
  const path = objectPath(place.root, key);
  const session = await place.connection.session(signal);
  return translating(`read ${path}`, async () => {
    const handle = await openObject(session, place, path, key, signal);
    try {
      const stats = await sizeAndTime(session, handle, signal);
      if (!stats.isFile()) throw absent(place, key);
      const found = `${stats.size}-${stats.mtime}`;
      if (version !== undefined && version !== found)
        throw new Failure('store.changed', { message: `${path} was replaced while it was read` });
      const { offset, length } = range ?? { offset: 0, length: stats.size };
      if (offset + length > stats.size) {
        throw new Failure('store.incomplete', {
          message: `${path} has ${stats.size} bytes, but bytes ${offset} to ${offset + length} were asked for`,
        });
      }
      const body = new SftpBody({ session, handle, path, signal }, offset, offset + length);
      return { size: stats.size, version: found, body };
    } catch (error) {
      closeFile(session, handle);
      throw error;
    }
  });
}

async function openObject(
  session: Session,
  place: SftpPlace,
  path: string,
  key: string,
  signal: AbortSignal,
): Promise<Buffer> {
  try {
    return await openFile(session, path, 'read', signal);
  } catch (error) {
    if (!hasStatus(error, STATUS.noSuchFile)) throw error;
    await requireRoot(session, place.root, signal);
    throw absent(place, key);
  }
}

const absent = (place: SftpPlace, key: string): Failure =>
  new Failure('store.not-found', { message: `there is no object "${key}" in ${place.root.description}` });
