import { errorCode, isOutOfSpace } from '../../domain/error-code.ts';
import { Failure, type FailureCode } from '../../domain/failure.ts';

/** What the codes of Linux, macOS and network file systems mean to the caller (errno(3)). Others: `store.unavailable`. */
const MEANING: Readonly<Record<string, FailureCode>> = {
  EFBIG: 'store.full',
  EACCES: 'store.denied',
  EPERM: 'store.denied',
  EROFS: 'store.denied',
  ENAMETOOLONG: 'value.invalid',
  ENOTDIR: 'value.invalid',
  EISDIR: 'value.invalid',
};

const HINT: Readonly<Partial<Record<FailureCode, string>>> = {
  'store.full': 'free space or inodes on the file system, or raise the quota',
  'store.denied': 'give the user that runs hoard read and write permission on the directory and everything in it',
  'store.unavailable': 'look at the kernel log and the mount of the file system',
};

/** A Failure for an error of the file system; what is none (a Failure, an abort reason, an error of the body) is given back as it is. */
export function localFailure(error: unknown, doing: string): unknown {
  const code = errorCode(error);
  if (!(error instanceof Error) || error instanceof Failure || code === undefined || !('syscall' in error))
    return error;
  const failure = isOutOfSpace(error) ? 'store.full' : (MEANING[code] ?? 'store.unavailable');
  const hint = HINT[failure];
  return new Failure(failure, {
    message: `cannot ${doing}: ${error.message}`,
    ...(hint !== undefined && { hint }),
    cause: error,
  });
}

/** Runs `work`; an error of the file system comes out as a Failure that says what was being done. */
export async function translating<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw localFailure(error, doing);
  }
}
