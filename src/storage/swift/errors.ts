import { Failure } from '../../domain/failure.ts';
import { failureOfNetwork } from '../http/network-failure.ts';
import { failureOfStatus } from '../http/status.ts';
import type { HttpResponse } from './request.ts';
import { discard, textOf } from './response-body.ts';

/** What a request is for, and of which store: for people. */
export interface Doing {
  /** As in `cannot … `: `write`, `list objects below`. */
  readonly operation: string;
  readonly key?: string | undefined;
}

export interface Place {
  readonly store: string;
  readonly container: string;
  /** Which secret the store was asked with: `environment variable OS_PASSWORD`. */
  readonly credentials: string;
}

const keyOf = ({ key }: Doing): { readonly key?: string } => (key === undefined ? {} : { key });

/** What node:http, or a body that breaks off, throws. The signal's reason where that was the cause. */
export function networkFailure(error: unknown, place: Place, doing: Doing, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof Failure) return error;
  return failureOfNetwork(error, { operation: doing.operation, store: place.store, ...keyOf(doing) });
}

/** For a status that means nothing special to the caller. Reads the answer's body: Swift says there what was wrong. */
export async function answerFailure(response: HttpResponse, place: Place, doing: Doing): Promise<Failure> {
  const text = await textOf(response.message, MOST).catch(() => undefined);
  if (text === undefined) response.message.destroy();
  const message = text === undefined ? '' : wordsOf(text);
  // Swift's answer to a body whose MD5 is not the ETag that was sent with it: the way there damaged it.
  if (response.status === 422)
    return new Failure('store.unavailable', {
      message: `cannot ${doing.operation} ${doing.key ?? ''} in ${place.store}: what arrived has another MD5 than what was sent`,
      hint: 'hoard sends it again; where this happens often, look at the network and at memory of this machine',
    });
  return failureOfStatus(response.status, {
    operation: doing.operation,
    store: place.store,
    ...keyOf(doing),
    ...(message !== '' && { message }),
    retryAfter: response.headers['retry-after'],
    credentials: place.credentials,
  });
}

const MOST = 64 * 1024;

/** `<html><h1>Forbidden</h1><p>Access was denied to this resource.</p></html>` without its tags. */
function wordsOf(text: string): string {
  const words = text
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return words.length > 200 ? `${words.slice(0, 200)}…` : words;
}

export function absentContainer(place: Place): Failure {
  return new Failure('store.absent', {
    message: `${place.store} has no container ${place.container}`,
    hint: `make it once with \`openstack container create ${place.container}\` or \`swift post ${place.container}\`; hoard never does`,
  });
}

/** A 404 means an object, or the container of all objects: Swift says the same for both. */
export function notFound(place: Place, key: string): Failure {
  return new Failure('store.not-found', { message: `${place.store} has no object ${key}` });
}

/** For an answer whose status alone counts. */
export async function dropped(response: HttpResponse): Promise<number> {
  await discard(response.message);
  return response.status;
}
