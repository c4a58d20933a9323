import { closeFile } from './files.ts';
import type { SftpPlace } from './place.ts';
import { statOrUndefined } from './root.ts';
import type { Session } from './session.ts';
import { namingFullness } from './space.ts';
import { hasStatus, STATUS, StatusError, translating } from './status.ts';
import { openTemp, removeTemp, tempPath } from './temp-file.ts';

/**
 * Whether a file can have a second name and a taken name is refused, which is what makes a create atomic: tried with hidden files. That the
 * server announces `hardlink@openssh.com` says nothing: the file system behind it may have no links (OpenSSH then renames by a look and a
 * rename), and `rclone serve sftp` says that it has made one, and makes none.
 */
export async function hasHardLinks(
  place: Pick<SftpPlace, 'connection' | 'root'>,
  random: (bytes: number) => Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  const session = await place.connection.session(signal);
  const newName = (): string => tempPath(place, Buffer.from(random(16)).toString('hex'));
  const [first, second] = [newName(), newName()];
  return translating(`try a hard link in ${place.root.hidden}`, async () =>
    namingFullness(session, place.root.directory, async () => {
      const { handle } = await openTemp(session, place, first, signal);
      closeFile(session, handle);
      try {
        if (!(await linked(session, first, second, signal))) return false;
        if ((await statOrUndefined(session, second, signal)) === undefined) return false;
        return await refusesTaken(session, first, second, signal);
      } finally {
        removeTemp(session, second);
        removeTemp(session, first);
      }
    }),
  );
}

async function linked(session: Session, from: string, to: string, signal: AbortSignal): Promise<boolean> {
  try {
    await session.run(signal, (sftp, done) => sftp.ext_openssh_hardlink(from, to, done));
    return true;
  } catch (error) {
    // No such extension, or EPERM of a file system without links. Anything else may pass, and says nothing.
    if (hasStatus(error, STATUS.unsupported, STATUS.denied)) return false;
    throw error;
  }
}

async function refusesTaken(session: Session, from: string, to: string, signal: AbortSignal): Promise<boolean> {
  try {
    await session.run(signal, (sftp, done) => sftp.ext_openssh_hardlink(from, to, done));
    return false;
  } catch (error) {
    if (error instanceof StatusError) return true;
    throw error;
  }
}
