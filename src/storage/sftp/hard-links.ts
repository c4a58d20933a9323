import type { DriverOptions } from '../remote/driver.ts';
import { closeFile } from './files.ts';
import type { SftpPlace } from './place.ts';
import { namingFullness } from './space.ts';
import { hasStatus, STATUS, translating } from './status.ts';
import { openTemp, removeTemp, tempPath } from './temp-file.ts';

/**
 * Whether a file can have a second name, which is what makes a create atomic: tried with a hidden file. That the server announces
 * `hardlink@openssh.com` says nothing about the file system behind it, and OpenSSH renames by a look and a rename where that has no links.
 */
export async function hasHardLinks(
  place: SftpPlace,
  random: (bytes: number) => Uint8Array,
  { signal }: DriverOptions,
): Promise<boolean> {
  const session = await place.connection.session(signal);
  const newName = (): string => tempPath(place, Buffer.from(random(16)).toString('hex'));
  const [first, second] = [newName(), newName()];
  return translating(`try a hard link in ${place.root.hidden}`, async () =>
    namingFullness(session, place.root.directory, async () => {
      const { handle } = await openTemp(session, place, first, signal);
      closeFile(session, handle);
      try {
        await session.run(signal, (sftp, done) => sftp.ext_openssh_hardlink(first, second, done));
        removeTemp(session, second);
        return true;
      } catch (error) {
        // No such extension, or EPERM of a file system without links. Anything else may pass, and says nothing.
        if (hasStatus(error, STATUS.unsupported, STATUS.denied)) return false;
        throw error;
      } finally {
        removeTemp(session, first);
      }
    }),
  );
}
