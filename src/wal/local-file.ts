import { errorCode, isOutOfSpace } from '../domain/error-code.ts';
import { Failure } from '../domain/failure.ts';

/** Does something with a file of this host; errors of the system become `wal.file`, or `store.full` where no space is left. */
export async function translatingFileErrors<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = errorCode(error);
    if (error instanceof Failure || code === undefined) throw error;
    const full = isOutOfSpace(error);
    const why = full ? 'no space is left, or the quota is used up' : (EXPLAINED[code] ?? code);
    throw new Failure(full ? 'store.full' : 'wal.file', { message: `cannot ${doing}: ${why}`, cause: error });
  }
}

const EXPLAINED: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  ELOOP: 'it is a symbolic link',
  EISDIR: 'it is a directory',
};
