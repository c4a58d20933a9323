import { Failure } from '../domain/failure.ts';

/** `what` goes on after "an xz frame …". */
export function corrupt(what: string, cause?: unknown): Failure {
  return new Failure('object.corrupt', { message: `an xz frame ${what}`, ...(cause !== undefined && { cause }) });
}
