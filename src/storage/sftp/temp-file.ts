import { openFile, sizeAndTime, syncFile } from './files.ts';
import type { SftpPlace } from './place.ts';
import { makeBelow, requireRoot, statOrUndefined } from './root.ts';
import type { Session } from './session.ts';
import { hasStatus, STATUS, StatusError } from './status.ts';

/** What a local store takes for a leftover as well, once nobody has touched it for a day (local/temp-files.ts). */
const SUFFIX = '.sftp.tmp';

/** The unfinished object of one put. The name is the put's own, so that a repeated one finds what an earlier one has left. */
export const tempPath = ({ root }: Pick<SftpPlace, 'root'>, token: string): string =>
  `${root.hidden}/${token}${SUFFIX}`;

export const isTempName = (name: string): boolean => name.endsWith(SUFFIX);

/** Creates the file, or opens the one that an earlier try of the same put has created. */
export async function openTemp(
  session: Session,
  place: Pick<SftpPlace, 'root'>,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly handle: Buffer; readonly repeated: boolean }> {
  for (let round = 1; ; round += 1) {
    try {
      return { handle: await openFile(session, path, 'createNew', signal), repeated: false };
    } catch (error) {
      if (round > 1 || !(error instanceof StatusError)) throw error;
      if (hasStatus(error, STATUS.noSuchFile)) {
        await requireRoot(session, place.root, signal);
        await makeBelow(session, place.root.directory, place.root.hidden, signal);
      } else if ((await statOrUndefined(session, path, signal)) === undefined) throw error;
      else return { handle: await openFile(session, path, 'write', signal), repeated: true };
    }
  }
}

/** Makes what was written durable; the size and time (epoch milliseconds) that the server has for it. */
export async function settleTemp(
  session: Session,
  handle: Buffer,
  signal: AbortSignal,
): Promise<{ readonly size: number; readonly storedAt: number }> {
  await syncFile(session, handle, signal);
  const { size, mtime } = await sizeAndTime(session, handle, signal);
  return { size, storedAt: mtime * 1000 };
}

/** Best effort: what stays is removed by removeAbandonedUploads, or by the next opening of the directory as a local store. */
export function removeTemp(session: Session, path: string): void {
  if (session.usable) session.run(NEVER, (sftp, done) => sftp.unlink(path, done)).catch(() => undefined);
}

const NEVER = new AbortController().signal;
