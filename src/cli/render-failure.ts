import { errorCode } from '../domain/error-code.ts';
import { Failure } from '../domain/failure.ts';

/** What a failure looks like on standard error: code, sentence, hint; the stack and its causes only when asked for. */
export function renderFailure(failure: Failure, options: { readonly json: boolean; readonly debug: boolean }): string {
  if (options.json) {
    const { code, message, hint, exitStatus } = failure;
    return JSON.stringify({ formatVersion: '1.0', error: { code, class: failure.class, message, hint, exitStatus } });
  }
  const lines = [`error: ${failure.message} [${failure.code}]`];
  if (failure.hint !== undefined) lines.push(`hint: ${failure.hint}`);
  if (options.debug) lines.push(stackOf(failure));
  return lines.join('\n');
}

/** Any thrown value as a Failure: what is none yet is a bug of the program, said as such. */
export function toFailure(error: unknown, signal: AbortSignal): Failure {
  if (error instanceof Failure) return error;
  // Libraries reject with an AbortError of their own; the reason of the signal says who stopped the work.
  if (signal.aborted && signal.reason instanceof Failure) return signal.reason;
  const message = error instanceof Error ? error.message : String(error);
  if (isMissingPackage(error)) {
    return new Failure('usage.invalid', {
      message: `a package that hoard needs is not installed: ${message.split(' imported from ')[0] ?? message}`,
      hint: 'run npm ci in the folder of hoard',
      cause: error,
    });
  }
  return new Failure('bug', {
    message: `unexpected: ${message}`,
    hint: 'run it again with HOARD_DEBUG=1 and report the output',
    cause: error,
  });
}

function isMissingPackage(error: unknown): boolean {
  return errorCode(error) === 'ERR_MODULE_NOT_FOUND';
}

function stackOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by: ${stackOf(error.cause)}` : own;
}
