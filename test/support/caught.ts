import { Failure } from '../../src/domain/failure.ts';

/** The Failure that `run` throws; anything else is thrown on. */
export function caught(run: () => unknown): Failure {
  try {
    run();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
