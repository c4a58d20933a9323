import { Failure } from '../../domain/failure.ts';
import { statOrUndefined } from './root.ts';
import type { Session } from './session.ts';
import { hasStatus, STATUS } from './status.ts';

/** Moves a finished file over the object, if there is one. */
export async function replaceObject(
  session: Session,
  temp: string,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await session.run(signal, (sftp, done) => sftp.ext_openssh_rename(temp, target, done));
  } catch (error) {
    if (hasStatus(error, STATUS.unsupported)) return replacePlainly(session, temp, target, signal);
    if (hasStatus(error, STATUS.failure) && (await statOrUndefined(session, target, signal))?.isDirectory() === true) {
      throw new Failure('value.invalid', { message: `${target} is a directory of other objects`, cause: error });
    }
    throw error;
  }
}

/**
 * A server without `posix-rename@openssh.com`: its plain rename may refuse to replace. Then the old object is moved aside first, and
 * for a moment there is none; it comes back where the second step fails, and lies in the hidden folder where even that does.
 */
async function replacePlainly(session: Session, temp: string, target: string, signal: AbortSignal): Promise<void> {
  const rename = async (from: string, to: string): Promise<void> =>
    session.run(signal, (sftp, done) => sftp.rename(from, to, done));
  try {
    await rename(temp, target);
  } catch (error) {
    const found = await statOrUndefined(session, target, signal);
    if (found === undefined) throw error;
    if (found.isDirectory())
      throw new Failure('value.invalid', { message: `${target} is a directory of other objects`, cause: error });
    const aside = `${temp}.replaced`;
    await rename(target, aside);
    try {
      await rename(temp, target);
    } catch (second) {
      await rename(aside, target);
      throw second;
    }
    await session.run(signal, (sftp, done) => sftp.unlink(aside, done));
  }
}
