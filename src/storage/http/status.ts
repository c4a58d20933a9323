import { Failure, type FailureCode } from '../../domain/failure.ts';
import { RetryAfter } from '../remote/retry-after.ts';

/** What a request was about, for people. Nothing in it is secret. */
export interface RequestAbout {
  /** For example `write`, `list`. */
  readonly operation: string;
  /** The store's description. */
  readonly store: string;
  readonly key?: string;
}

export interface AnswerAbout extends RequestAbout {
  /** The store's own name of the error, for example `SlowDown`. */
  readonly code?: string;
  readonly message?: string;
  /** The header as it came. */
  readonly retryAfter?: string | undefined;
  /** Where the credentials come from, for example `environment variable AWS_SECRET`. */
  readonly credentials?: string;
  readonly cause?: unknown;
}

const FULL_CODES = /QuotaExceeded|InsufficientStorage|NotEnoughSpace/i;
const CLOCK_CODES = /RequestTimeTooSkewed|RequestExpired/i;

/** The failure that an HTTP status means, where the caller knows nothing more about it. 404 is the object's; a caller asks about the place. */
export function failureOfStatus(status: number, about: AnswerAbout): Failure {
  const code = codeOf(status, about.code ?? '');
  const hint = hintOf(code, status, about);
  const cause =
    code === 'store.throttled' || code === 'store.unavailable'
      ? retryAfter(about.retryAfter, about.cause)
      : about.cause;
  const said = [about.code, about.message].filter((part) => part !== undefined && part !== '').join(': ');
  return new Failure(code, {
    message: `${what(about)}: the answer was ${status}${said === '' ? '' : ` (${said})`}`,
    ...(hint !== undefined && { hint }),
    cause,
  });
}

function what({ store, operation, key }: RequestAbout): string {
  return `${store}: ${operation}${key === undefined ? '' : ` ${key}`}`;
}

function codeOf(status: number, code: string): FailureCode {
  if (FULL_CODES.test(code)) return 'store.full';
  switch (status) {
    case 401:
    case 403:
    case 407:
      return 'store.denied';
    case 404:
      return 'store.not-found';
    case 413:
    case 507:
      return 'store.full';
    case 408:
    case 425:
      return 'store.unavailable';
    case 429:
    case 503:
      return 'store.throttled';
    default:
      return status >= 500 || status < 400 ? 'store.unavailable' : 'store.rejected';
  }
}

function hintOf(code: FailureCode, status: number, about: AnswerAbout): string | undefined {
  if (CLOCK_CODES.test(about.code ?? '')) return "set this host's clock: it differs too much from the store's";
  if (status === 407)
    return 'the proxy refused its credentials: check proxy.username and proxy.password of the repository';
  if (code === 'store.full') return 'free space there, or raise the quota';
  if (code !== 'store.denied') return undefined;
  const source = about.credentials === undefined ? 'the credentials' : `the credentials (${about.credentials})`;
  return status === 401
    ? `${source} were refused: check that they are right and not expired`
    : `check ${source} and what they are permitted to do there (${about.operation})`;
}

/** The header is a number of seconds or a date (RFC 9110, 10.2.3). What is neither says nothing. */
function retryAfter(header: string | undefined, cause: unknown): unknown {
  if (header === undefined) return cause;
  const seconds = Number(header);
  const milliseconds = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return milliseconds >= 0 ? new RetryAfter(milliseconds, cause) : cause;
}
