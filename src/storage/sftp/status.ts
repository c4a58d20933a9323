import { Failure, type FailureCode } from '../../domain/failure.ts';

/** draft-ietf-secsh-filexfer-02, section 7: what version 3 of the protocol, which everybody speaks, can say. */
export const STATUS = { endOfFile: 1, noSuchFile: 2, denied: 3, failure: 4, badMessage: 5, unsupported: 8 } as const;

/** The server's refusal of one request. */
export class StatusError extends Error {
  readonly status: number;

  constructor(status: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : `status ${status}`, { cause });
    this.name = 'StatusError';
    this.status = status;
  }
}

/** The status in an error of ssh2, undefined where it is none of the server's answers. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  // Thrown by ssh2 itself for an extension that the server has not announced.
  if (error.message === 'Server does not support this extended request') return STATUS.unsupported;
  return 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

export function hasStatus(error: unknown, ...statuses: readonly number[]): error is StatusError {
  return error instanceof StatusError && statuses.includes(error.status);
}

const MEANING: Readonly<Record<number, FailureCode>> = {
  [STATUS.denied]: 'store.denied',
  // OpenSSH's answer to ENAMETOOLONG and EINVAL.
  [STATUS.badMessage]: 'value.invalid',
  [STATUS.unsupported]: 'store.rejected',
};

const HINT: Readonly<Partial<Record<FailureCode, string>>> = {
  'store.denied': 'give the account on the server read and write permission on the directory and everything in it',
  'store.unavailable': 'look at the log of the SSH server and at the file system behind the directory',
  'store.rejected': 'use a server with the extensions of OpenSSH',
};

/** Runs `work`; a refusal of the server comes out as a Failure that says what was being done. */
export async function translating<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    const code = MEANING[error.status] ?? 'store.unavailable';
    const hint = HINT[code];
    throw new Failure(code, {
      message: `cannot ${doing}: ${error.message} (SFTP status ${error.status})`,
      ...(hint !== undefined && { hint }),
      cause: error,
    });
  }
}
