import { errorCode, isOutOfSpace } from '../domain/error-code.ts';
import { Failure } from '../domain/failure.ts';

/** Errors of the file system that is restored into as a Failure; what is none (a Failure, an abort reason) is given back as it is. */
export function restoreFailure(error: unknown, directory: string): unknown {
  const code = errorCode(error);
  if (!(error instanceof Error) || error instanceof Failure || code === undefined || !('syscall' in error))
    return error;
  const message = `cannot restore into ${directory}: ${error.message}`;
  if (isOutOfSpace(error)) {
    return new Failure('store.full', {
      message,
      hint: 'free space and run the same restore again: it goes on where it was',
      cause: error,
    });
  }
  return new Failure('restore.failed', {
    message,
    hint: 'mend the cause and run the same restore again: it goes on where it was',
    cause: error,
  });
}
