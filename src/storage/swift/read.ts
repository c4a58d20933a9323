import { Failure } from '../../domain/failure.ts';
import type { DriverObject, DriverReadOptions } from '../remote/driver.ts';
import { answerFailure, type Doing, dropped, networkFailure, notFound, type Place } from './errors.ts';
import { header, objectPath, requireContainer, versionOf } from './objects.ts';
import type { HttpResponse } from './request.ts';
import { exactBody } from './response-body.ts';
import type { SwiftSession } from './session.ts';

export async function readObject(
  session: SwiftSession,
  key: string,
  options: DriverReadOptions,
): Promise<DriverObject> {
  const { place } = session;
  const { range, version, signal } = options;
  const doing = { operation: 'read', key };
  const response = await session.call({
    method: 'GET',
    path: objectPath(place.container, key),
    headers: {
      ...(range && { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
      ...(version !== undefined && { 'If-Match': `"${version}"` }),
    },
    ...doing,
    signal,
  });
  if (response.status !== 200 && response.status !== 206) throw await refusal(session, response, doing, options);
  const { size, length } = extentOf(response, range);
  const found = versionOf(response.headers);
  const wrong = problem(place, key, { size, length, found }, options);
  if (wrong !== undefined) {
    response.message.destroy();
    throw wrong;
  }
  const translate = (error: unknown): unknown => networkFailure(error, place, doing, signal);
  return { size, version: found, body: exactBody(response.message, length, translate) };
}

async function refusal(
  session: SwiftSession,
  response: HttpResponse,
  doing: Doing & { readonly key: string },
  options: DriverReadOptions,
): Promise<Failure> {
  const { place } = session;
  if (![404, 412, 416].includes(response.status)) return answerFailure(response, place, doing);
  await dropped(response);
  if (response.status === 416) return beyond(place, doing.key, header(response.headers, 'Content-Range') ?? 'unknown');
  if (response.status === 412) return changed(place, doing.key);
  await requireContainer(session, options.signal);
  return notFound(place, doing.key);
}

/** Size of the whole object and of the body that comes. NaN where the answer does not tell. */
function extentOf(response: HttpResponse, range: DriverReadOptions['range']): { size: number; length: number } {
  const length = Number(response.headers['content-length'] ?? Number.NaN);
  if (response.status === 200) return { size: length, length };
  const [, first, , total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header(response.headers, 'Content-Range') ?? '') ?? [];
  return Number(first) === range?.offset ? { size: Number(total), length } : { size: Number.NaN, length };
}

function problem(
  place: Place,
  key: string,
  answer: { readonly size: number; readonly length: number; readonly found: string },
  { range, version }: DriverReadOptions,
): Failure | undefined {
  const { size, length, found } = answer;
  // If-Match is honoured by Swift; a gateway that speaks its protocol may not know it.
  if (version !== undefined && found !== version) return changed(place, key);
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(length))
    return new Failure('store.unavailable', { message: `${place.store} does not tell which bytes of ${key} it sends` });
  if (range === undefined) return undefined;
  if (range.offset + range.length > size) return beyond(place, key, `${size} bytes`);
  if (length === range.length) return undefined;
  return new Failure('store.unavailable', {
    message: `${place.store} sends ${length} bytes of ${key} instead of the ${range.length} that were asked for`,
  });
}

const beyond = (place: Place, key: string, size: string): Failure =>
  new Failure('store.incomplete', {
    message: `the range reaches beyond the end of ${key} in ${place.store} (${size})`,
  });

const changed = (place: Place, key: string): Failure =>
  new Failure('store.changed', { message: `${key} in ${place.store} was replaced while it was read` });
