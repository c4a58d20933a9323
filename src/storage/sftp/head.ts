import type { ObjectInfo } from '../object-store.ts';
import type { DriverOptions } from '../remote/driver.ts';
import type { SftpPlace } from './place.ts';
import { syncPath } from './publish.ts';
import { objectPath, parentOf, requireRoot, statOrUndefined } from './root.ts';
import { hasStatus, STATUS, translating } from './status.ts';

/** StoreDriver.head. What it reports is durable: whoever put it may not have got that far. */
export async function headObject(
  place: SftpPlace,
  key: string,
  { signal }: DriverOptions,
): Promise<ObjectInfo | undefined> {
  const path = objectPath(place.root, key);
  const session = await place.connection.session(signal);
  return translating(`look at ${path}`, async () => {
    try {
      const found = await statOrUndefined(session, path, signal);
      if (found?.isFile() === true) {
        await syncPath(session, place, parentOf(path), signal);
        return { key, size: found.size, storedAt: found.mtime * 1000 };
      }
    } catch (error) {
      // Removed in between, with its directory.
      if (!hasStatus(error, STATUS.noSuchFile)) throw error;
    }
    await requireRoot(session, place.root, signal);
    return undefined;
  });
}
