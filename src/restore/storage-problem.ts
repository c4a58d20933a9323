import { type Failure, isFailure } from '../domain/failure.ts';

/** Problems of one repository that another one may not have. */
export function isStorageProblem(error: unknown): error is Failure {
  return isFailure(error) && /^(object|store|key)\./.test(error.code);
}
