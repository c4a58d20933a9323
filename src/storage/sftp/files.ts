import type { Stats } from 'ssh2';
import { FILE_MODE } from './root.ts';
import type { Session } from './session.ts';
import { hasStatus, STATUS } from './status.ts';

/** For closing what an aborted call had opened. */
const NEVER = new AbortController().signal;

/** SSH_FXF_* of draft-ietf-secsh-filexfer-02, section 6.3. No flag here truncates: a repeated write must not harm what an earlier one published. */
const FLAGS = { read: 0x01, write: 0x02, createNew: 0x02 | 0x08 | 0x20 } as const;

export async function openFile(
  session: Session,
  path: string,
  how: keyof typeof FLAGS,
  signal: AbortSignal,
): Promise<Buffer> {
  return session.ask<Buffer>(
    signal,
    // ssh2 takes the bits as they are; its types know only words.
    (sftp, done) => sftp.open(path, FLAGS[how], { mode: FILE_MODE }, done),
    (handle) => closeFile(session, handle),
  );
}

/** Not waited for: nothing depends on its answer, which costs a round trip. For what was written see `writing`. */
export function closeFile(session: Session, handle: Buffer): void {
  if (session.usable) session.run(NEVER, (sftp, done) => sftp.close(handle, done)).catch(() => undefined);
}

/**
 * Runs `work`, which writes into an open file, and closes it. A server without fsync says at the close, if at all, that it could not keep
 * what it had accepted (`rclone serve sftp` does so of a full disk): there the close is waited for. With fsync it has been said by then.
 */
export async function writing<T>(
  session: Session,
  handle: Buffer,
  signal: AbortSignal,
  work: (handle: Buffer) => Promise<T>,
): Promise<T> {
  let result: T;
  try {
    result = await work(handle);
  } catch (error) {
    closeFile(session, handle);
    throw error;
  }
  if (session.syncs) closeFile(session, handle);
  else await session.run(signal, (sftp, done) => sftp.close(handle, done));
  return result;
}

export async function sizeAndTime(session: Session, handle: Buffer, signal: AbortSignal): Promise<Stats> {
  return session.ask<Stats>(signal, (sftp, done) => sftp.fstat(handle, done));
}

/** Durable where the server has `fsync@openssh.com`; others (there is no standard request for it) do what they do. */
export async function syncFile(session: Session, handle: Buffer, signal: AbortSignal): Promise<void> {
  try {
    await session.ask<unknown>(signal, (sftp, done) => sftp.ext_openssh_fsync(handle, done));
  } catch (error) {
    if (!hasStatus(error, STATUS.unsupported)) throw error;
  }
}

/** Makes the names in a directory durable, on a server that opens directories as files, as OpenSSH on Linux does. */
export async function syncDirectory(session: Session, path: string, signal: AbortSignal): Promise<void> {
  let handle: Buffer;
  try {
    handle = await openFile(session, path, 'read', signal);
  } catch (error) {
    if (hasStatus(error, STATUS.denied, STATUS.failure, STATUS.unsupported)) return;
    throw error;
  }
  try {
    await syncFile(session, handle, signal);
  } finally {
    closeFile(session, handle);
  }
}
