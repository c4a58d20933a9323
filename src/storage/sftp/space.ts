import { Failure } from '../../domain/failure.ts';
import type { Session } from './session.ts';
import { STATUS, StatusError } from './status.ts';

/** SSH_FX_NO_SPACE_ON_FILESYSTEM and SSH_FX_QUOTA_EXCEEDED of later drafts (draft-ietf-secsh-filexfer-13, section 9.1). */
const LATER: ReadonlySet<number> = new Set([14, 15]);

/** Below this a file system counts as full: a request carries less. */
const NEXT_TO_NOTHING = 1024 * 1024;

/** Runs a write; one that fails for want of space says so. OpenSSH answers just "Failure", so that the file system has to be asked. */
export async function namingFullness<T>(session: Session, directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StatusError) || !(await isFull(session, directory, error))) throw error;
    throw new Failure('store.full', {
      message: `no space is left in ${directory} on the server`,
      hint: 'free space or inodes on its file system, or raise the quota',
      cause: error,
    });
  }
}

async function isFull(session: Session, directory: string, error: StatusError): Promise<boolean> {
  // ENOSPC and EDQUOT in words, and rclone's `file too big for remaining disk space`.
  if (LATER.has(error.status) || /no space|disk space|quota/i.test(error.message)) return true;
  if (error.status !== STATUS.failure) return false;
  try {
    const found = await session.ask<unknown>(AbortSignal.timeout(10_000), (sftp, done) =>
      sftp.ext_openssh_statvfs(directory, done),
    );
    const free = numberIn(found, 'f_bavail') * numberIn(found, 'f_frsize');
    return free < NEXT_TO_NOTHING || (numberIn(found, 'f_files') > 0 && numberIn(found, 'f_ffree') === 0);
  } catch {
    return false;
  }
}

function numberIn(found: unknown, name: string): number {
  const value: unknown = typeof found === 'object' && found !== null ? Reflect.get(found, name) : undefined;
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : Number.NaN;
}
