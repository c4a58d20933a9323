import { mapBounded } from '../bounded.ts';
import type { DriverOptions } from '../remote/driver.ts';
import type { SftpPlace } from './place.ts';
import { entriesOf, requireRoot } from './root.ts';
import { hasStatus, STATUS, translating } from './status.ts';
import { isTempName } from './temp-file.ts';

const AT_ONCE = 16;

/**
 * StoreDriver.removeAbandonedUploads: hidden files that were last written before `before`, by the server's clock, whatever the prefix:
 * their names do not say which key they are for, and running ones are younger for every prefix.
 */
export async function removeAbandoned(
  { connection, root }: SftpPlace,
  before: number,
  { signal }: DriverOptions,
): Promise<number> {
  const session = await connection.session(signal);
  await requireRoot(session, root, signal);
  return translating(`clean up ${root.hidden}`, async () => {
    const entries = await entriesOf(session, root.hidden, signal).catch((error: unknown) => {
      // A store that was copied here without hidden files.
      if (hasStatus(error, STATUS.noSuchFile)) return [];
      throw error;
    });
    const old = entries.filter(({ filename, attrs }) => isTempName(filename) && attrs.mtime * 1000 < before);
    const removed = await mapBounded(old, AT_ONCE, signal, async ({ filename }) => {
      try {
        await session.run(signal, (sftp, done) => sftp.unlink(`${root.hidden}/${filename}`, done));
        return 1;
      } catch (error) {
        if (hasStatus(error, STATUS.noSuchFile)) return 0;
        throw error;
      }
    });
    return removed.reduce<number>((sum, one) => sum + one, 0);
  });
}
