import { RestError } from '@azure/storage-blob';
import { FAILURES, Failure, type FailureCode } from '../../domain/failure.ts';
import { failureOfNetwork } from '../http/network-failure.ts';
import { failureOfStatus } from '../http/status.ts';

/** What a request was for, and to whom it went. */
export interface AzureCall {
  /** As in `cannot …`: `write`, `list objects`. */
  readonly operation: string;
  readonly key?: string;
  readonly store: string;
  readonly container: string;
  /** Where the credentials came from. */
  readonly credentials: string;
  readonly signal: AbortSignal;
}

const CODES = new WeakMap<Error, string>();

/** True where the failure is an answer of the service with one of these codes. */
export function isAnswer(error: unknown, ...codes: readonly string[]): boolean {
  const code = error instanceof Error ? CODES.get(error) : undefined;
  return code !== undefined && codes.includes(code);
}

/** Any error of the SDK as a Failure; the signal's reason where it was aborted. */
export function azureFailure(error: unknown, call: AzureCall): unknown {
  if (call.signal.aborted) return call.signal.reason;
  if (error instanceof Failure) return error;
  const status = error instanceof RestError ? error.statusCode : undefined;
  if (!(error instanceof RestError) || status === undefined || status < 300) return unanswered(error, call);
  const message = firstLine(error.message);
  const answer = {
    status,
    code: text(error.details, 'errorCode') ?? error.code,
    // "Request date header too old", "Signed expiry time … has to be after": what the credentials lack.
    message: [message, text(error.details, 'authenticationErrorDetail')].filter(Boolean).join(': '),
    retryAfter: error.response?.headers.get('retry-after'),
  };
  return answerFailure(answer, call);
}

export interface AzureAnswer {
  readonly status: number;
  readonly code: string | undefined;
  readonly message: string;
  readonly retryAfter: string | undefined;
}

/** The failure that an answer means, be it the answer to a request or to one key of a batch. */
export function answerFailure(answer: AzureAnswer, call: AzureCall): Failure {
  const failure = known(answer, call) ?? byStatus(answer, call);
  if (answer.code !== undefined) CODES.set(failure, answer.code);
  return failure;
}

function known({ status, code, message }: AzureAnswer, call: AzureCall): Failure | undefined {
  const what = `${call.store}: ${call.operation}${call.key === undefined ? '' : ` ${call.key}`}`;
  switch (code ?? '') {
    case 'ContainerNotFound':
    case 'ContainerBeingDeleted':
    case 'ContainerDisabled':
    case 'ResourceNotFound':
      return new Failure('store.absent', {
        message: `${call.store} has no container "${call.container}" (${code})`,
        hint: 'make the container, or correct its name: hoard never makes one',
      });
    case 'BlobNotFound':
      return new Failure('store.not-found', { message: `there is no object "${call.key ?? ''}" in ${call.store}` });
    case 'InvalidRange':
      return new Failure('store.incomplete', { message: `${what}: the object ends before the range (${code})` });
    case 'BlobImmutableDueToPolicy':
    case 'BlobImmutableDueToLegalHold':
      return new Failure('store.denied', {
        message: `${what}: the stored object is immutable (${code})`,
        hint: 'an immutability policy or legal hold of the container forbids to replace and remove objects',
      });
    case 'BlobArchived':
      return new Failure('store.rejected', {
        message: `${what}: the object is in the archive tier (${code})`,
        hint: 'rehydrate it to an online tier first, and keep lifecycle rules from archiving backups',
      });
    default:
      // A page of something in between is no answer of the store about an object.
      if (status === 403 && TIME.test(message)) return outOfTime(what, message, call);
      if (status !== 404) return undefined;
      return new Failure('store.absent', {
        message: `${what}: status 404 without a reason that Azure would give (${code ?? message})`,
        hint: 'check account and endpoint: something else than Azure Blob Storage may answer there',
      });
  }
}

/** Azure has no code of its own for a clock that is wrong or a SAS that has expired: AuthenticationFailed, and a detail. */
const TIME = /date header|time frame|expiry time/i;

function outOfTime(what: string, message: string, { credentials }: AzureCall): Failure {
  return new Failure('store.denied', {
    message: `${what}: refused because of the time (${message})`,
    hint: `set this host's clock where it is wrong, or renew the credentials (${credentials}) where they have expired`,
  });
}

// Statuses that say less than their code: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  ServerBusy: 503,
  OperationTimedOut: 500,
  InternalError: 500,
  // The body arrived damaged: 400 by status, but another try may arrive whole.
  Md5Mismatch: 500,
  Crc64Mismatch: 500,
  AccountIsDisabled: 403,
  InsufficientAccountPermissions: 403,
};

function byStatus({ status, code, message, retryAfter }: AzureAnswer, call: AzureCall): Failure {
  return failureOfStatus((code === undefined ? undefined : STATUS_OF_CODE[code]) ?? status, {
    operation: call.operation,
    store: call.store,
    ...(call.key !== undefined && { key: call.key }),
    ...(code !== undefined && { code }),
    message,
    retryAfter,
    credentials: call.credentials,
  });
}

/** No answer came, or it broke off, or it was none of Azure's. */
function unanswered(error: unknown, call: AzureCall): Failure {
  const { operation, store, key } = call;
  // Of a Failure that our own agents threw (a proxy that refuses), the SDK keeps only code and message.
  if (error instanceof RestError && isFailureCode(error.code))
    return new Failure(error.code, { message: error.message });
  if (error instanceof Error && (error.name === 'CredentialUnavailableError' || error.name === 'AuthenticationError')) {
    return new Failure('store.denied', {
      message: `no credentials for ${store}: ${firstLine(error.message)}`,
      hint: 'declare spec.storage.credentials, or give this machine or workload an identity',
      cause: error,
    });
  }
  return failureOfNetwork(withoutRequest(error), { operation, store, ...(key !== undefined && { key }) });
}

/** The SDK's error holds the request, and with it the body and the signature of the address: neither is to be kept or printed. */
function withoutRequest(error: unknown): unknown {
  if (!(error instanceof RestError)) return error;
  return Object.assign(new Error(error.message), {
    name: error.name,
    ...(error.code !== undefined && { code: error.code }),
  });
}

function isFailureCode(code: string | undefined): code is FailureCode {
  return code !== undefined && Object.hasOwn(FAILURES, code);
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? '';
}

function text(details: unknown, name: string): string | undefined {
  const value: unknown = typeof details === 'object' && details !== null ? Reflect.get(details, name) : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}
