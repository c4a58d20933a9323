import { Failure } from '../../domain/failure.ts';
import { failureOfNetwork } from '../http/network-failure.ts';
import { failureOfStatus } from '../http/status.ts';

/** What a request was for. */
export interface S3Call {
  /** As in `cannot … `: `write`, `list objects below`. */
  readonly operation: string;
  readonly key?: string;
}

/** What the store said. Some answers (a precondition, a missing upload) mean something to the caller. */
export interface S3Answer {
  readonly status: number;
  /** `NoSuchKey`, `SlowDown`; HEAD has no body, so no code of the store's own. */
  readonly code: string | undefined;
}

const ANSWERS = new WeakMap<Error, S3Answer>();

/** The answer behind a failure; undefined where there was none (network, credentials that cannot be read). */
export function answerOf(error: unknown): S3Answer | undefined {
  return error instanceof Error ? ANSWERS.get(error) : undefined;
}

export function isAnswer(error: unknown, ...codes: readonly string[]): boolean {
  const answer = answerOf(error);
  return answer?.code !== undefined && codes.includes(answer.code);
}

/** A conditional request that failed on its condition. 409: another conditional write of the key is under way (AWS). */
export function isPreconditionAnswer(error: unknown): boolean {
  const answer = answerOf(error);
  return answer?.status === 412 || (answer?.status === 409 && answer.code !== 'OperationAborted');
}

export interface Surroundings {
  readonly store: string;
  readonly bucket: string;
  readonly region: string;
  /** What the store refused, where it refused. */
  readonly blame: (code: string | undefined) => string;
}

/** Any error of the SDK as a Failure. */
export function s3Failure(error: unknown, call: S3Call, around: Surroundings): Failure {
  if (error instanceof Failure) return error;
  const { status, code, message, retryAfter } = readError(error);
  if (status !== undefined) return answerFailure({ status, code, message, retryAfter }, call, around, error);
  if (code === 'CredentialsProviderError') return noCredentials(error, around);
  return failureOfNetwork(error, { operation: call.operation, store: around.store, ...keyOf(call) });
}

/** The failure that an answer means, be it the answer to a request or to one key of many. */
export function answerFailure(
  answer: S3Answer & { readonly message: string | undefined; readonly retryAfter?: string | undefined },
  call: S3Call,
  around: Surroundings,
  cause?: unknown,
): Failure {
  const { status, code, message, retryAfter } = answer;
  const about = {
    operation: call.operation,
    store: around.store,
    ...keyOf(call),
    ...(code !== undefined && { code }),
    ...(message !== undefined && { message }),
    retryAfter,
    credentials: around.blame(code),
    cause,
  };
  const failure = known(code, around, cause) ?? failureOfStatus(effectiveStatus(status, code), about);
  ANSWERS.set(failure, { status, code });
  return failure;
}

const keyOf = (call: S3Call): { readonly key?: string } => (call.key === undefined ? {} : { key: call.key });

const WRONG_REGION = new Set([
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);

/** Codes whose status alone says too little; others are judged by their status. */
function known(code: string | undefined, around: Surroundings, cause: unknown): Failure | undefined {
  if (code === 'NoSuchBucket') return absentBucket(around, cause);
  if (code === undefined || !WRONG_REGION.has(code)) return undefined;
  return new Failure('store.denied', {
    message: `${around.store} does not accept requests signed for region ${around.region} (${code})`,
    hint: "set spec.storage.region to the bucket's own region, and the endpoint to the one of that region",
    cause,
  });
}

export function absentBucket(around: { readonly store: string; readonly bucket: string }, cause?: unknown): Failure {
  return new Failure('store.absent', {
    message: `${around.store} has no bucket "${around.bucket}"`,
    hint: 'make the bucket, or correct its name: hoard never makes one',
    cause,
  });
}

/** A good status without what every S3 store says with it: a proxy's page, or a gateway's. */
export function foreignAnswer(store: { readonly description: string }, what: string): Failure {
  return new Failure('store.unavailable', {
    message: `${store.description} answered with something that is not ${what}`,
    hint: 'look at what answers at the endpoint: a proxy or a portal may stand before the store',
  });
}

function noCredentials(error: unknown, around: Surroundings): Failure {
  return new Failure('store.denied', {
    message: `no credentials for ${around.store} were found in the environment, profile or role of this machine`,
    hint: 'declare spec.storage.credentials, or give the process a role, a profile or the AWS_* variables',
    cause: error,
  });
}

// Codes that mean the same whatever status they come with: an error in the body of a 200 answer has none of its own.
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  InternalError: 500,
  ServiceUnavailable: 503,
  SlowDown: 503,
  SlowDownRead: 503,
  SlowDownWrite: 503,
  Throttling: 429,
  ThrottlingException: 429,
  TooManyRequests: 429,
  RequestLimitExceeded: 429,
  // 400 and 409 by status, but worth another try.
  RequestTimeout: 408,
  OperationAborted: 500,
  IncompleteBody: 500,
  BadDigest: 500,
  XAmzContentSHA256Mismatch: 500,
  NoSuchKey: 404,
  AccessDenied: 403,
  InvalidAccessKeyId: 403,
  SignatureDoesNotMatch: 403,
  ExpiredToken: 403,
  InvalidToken: 403,
  TokenRefreshRequired: 403,
  RequestTimeTooSkewed: 403,
  QuotaExceeded: 507,
  EntityTooLarge: 413,
  // 501 by status, but no other try makes it known.
  NotImplemented: 400,
};

function effectiveStatus(status: number, code: string | undefined): number {
  const known = code === undefined ? undefined : STATUS_OF_CODE[code];
  if (known !== undefined) return known;
  // A good status whose body was no answer: a proxy's page, or one that broke off.
  return status < 400 ? 500 : status;
}

interface ReadError {
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly retryAfter: string | undefined;
}

// The names that the SDK gives where an answer has no error code in its body (HEAD, a proxy's page).
const NO_CODE = new Set(['UnknownError', 'Unknown', 'Error', 'NotFound', 'SyntaxError', 'TypeError']);

function readError(error: unknown): ReadError {
  const name = error instanceof Error ? error.name : undefined;
  const metadata = property(error, '$metadata');
  const response = property(error, '$response');
  const status = property(metadata, 'httpStatusCode') ?? property(response, 'statusCode');
  const retryAfter = property(property(response, 'headers'), 'retry-after');
  return {
    status: typeof status === 'number' ? status : undefined,
    code: name === undefined || NO_CODE.has(name) || /^\d+$/.test(name) ? undefined : name,
    message: error instanceof Error && error.message !== '' && error.message !== name ? error.message : undefined,
    retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
  };
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
