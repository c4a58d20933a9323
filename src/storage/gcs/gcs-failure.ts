import type { IncomingHttpHeaders } from 'node:http';
import { Failure } from '../../domain/failure.ts';
import { failureOfStatus } from '../http/status.ts';
import { record, text } from './gcs-object.ts';

/** What an error answer says: https://cloud.google.com/storage/docs/json_api/v1/status-codes */
export interface ErrorAnswer {
  readonly message: string;
  /** `error.errors[0].reason`; undefined where the answer is plain text, as for downloads. */
  readonly reason: string | undefined;
}

interface About {
  readonly operation: string;
  readonly store: string;
  readonly key?: string;
  readonly credentials: string;
}

const LONGEST_MESSAGE = 500;

export function parseErrorAnswer(body: string): ErrorAnswer {
  try {
    const error = record(record(JSON.parse(body))['error']);
    const errors: unknown = error['errors'];
    const first = record(Array.isArray(errors) ? errors[0] : undefined);
    return { message: shorten(text(error['message']) ?? body), reason: text(first['reason']) };
  } catch {
    return { message: shorten(body), reason: undefined };
  }
}

/** A 404 that is about the object. */
export function saysObject(error: ErrorAnswer): boolean {
  return /no such object/i.test(error.message) || (error.reason === 'notFound' && !saysBucket(error));
}

/** A 404 that is about the bucket. */
export function saysBucket(error: ErrorAnswer): boolean {
  return /bucket.{0,200}(does not exist|not found)/i.test(error.message);
}

/** A 400 about a checksum. */
export function saysDamaged(error: ErrorAnswer): boolean {
  return /crc32c|md5/i.test(error.message);
}

// What a 403 means where it is not about permissions: the reasons are those of the status-codes page above.
const BUSY = new Set(['rateLimitExceeded', 'userRateLimitExceeded']);

export function failureOfAnswer(
  status: number,
  headers: IncomingHttpHeaders,
  error: ErrorAnswer,
  about: About,
): Failure {
  const key = about.key === undefined ? '' : ` ${about.key}`;
  if (status === 400 && saysDamaged(error)) {
    return new Failure('store.unavailable', {
      message: `what arrived at ${about.store} of${key} is not what was sent: ${error.message}`,
    });
  }
  return failureOfStatus(status === 403 && BUSY.has(error.reason ?? '') ? 429 : status, {
    ...about,
    ...(error.reason !== undefined && { code: error.reason }),
    message: error.message,
    retryAfter: headers['retry-after'],
  });
}

function shorten(message: string): string {
  return message.trim().slice(0, LONGEST_MESSAGE);
}
