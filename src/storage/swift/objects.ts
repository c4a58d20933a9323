import type { IncomingHttpHeaders } from 'node:http';
import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import { absentContainer, answerFailure, dropped } from './errors.ts';
import type { SwiftSession } from './session.ts';

export function containerPath(container: string): string {
  return `/${encodeURIComponent(container)}`;
}

export function objectPath(container: string, key: string): string {
  return `${containerPath(container)}/${key.split('/').map(encodeURIComponent).join('/')}`;
}

/** User metadata beside an object: which put wrote it, and where the segments of a large one are. Kept by Swift as X-Object-Meta-…. */
export const UPLOAD_HEADER = 'X-Object-Meta-Hoard-Upload';
export const GROUP_HEADER = 'X-Object-Meta-Hoard-Segments';

export interface Found extends ObjectInfo {
  readonly version: string;
  readonly upload: string | undefined;
  /** The object is a manifest of segments; which ones is known where hoard's metadata is still there. */
  readonly segmented: boolean;
  readonly group: string | undefined;
}

/** The object as it is now on any of its replicas; undefined where the container has none. */
export async function headObject(session: SwiftSession, key: string, signal: AbortSignal): Promise<Found | undefined> {
  const { place } = session;
  const response = await session.call({
    method: 'HEAD',
    path: objectPath(place.container, key),
    // Without it the first replica that answers is believed, which may have slept through the last write.
    headers: { 'X-Newest': 'true' },
    operation: 'look at',
    key,
    signal,
  });
  if (response.status === 404) {
    await dropped(response);
    await requireContainer(session, signal);
    return undefined;
  }
  if (response.status !== 200) throw await answerFailure(response, place, { operation: 'look at', key });
  await dropped(response);
  return foundOf(key, response.headers);
}

function foundOf(key: string, headers: IncomingHttpHeaders): Found {
  const size = Number(headers['content-length'] ?? Number.NaN);
  if (!Number.isSafeInteger(size))
    throw new Failure('store.unavailable', { message: `the answer about ${key} does not tell its size` });
  return {
    key,
    size,
    storedAt: storedAt(headers),
    version: versionOf(headers),
    upload: header(headers, UPLOAD_HEADER),
    segmented: header(headers, 'X-Static-Large-Object')?.toLowerCase() === 'true',
    group: header(headers, GROUP_HEADER),
  };
}

export function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value[0] : value;
}

/** ETags of manifests come in quotes, others without. */
export function versionOf(headers: IncomingHttpHeaders): string {
  return (headers.etag ?? '').replaceAll('"', '');
}

/** X-Timestamp has five digits of a second; an answer to PUT has only Last-Modified, in whole seconds. */
export function storedAt(headers: IncomingHttpHeaders): number {
  const seconds = Number(header(headers, 'X-Timestamp') ?? Number.NaN);
  if (Number.isFinite(seconds)) return Math.trunc(seconds * 1000);
  const time = Date.parse(headers['last-modified'] ?? headers.date ?? '');
  if (Number.isNaN(time)) throw new Failure('store.unavailable', { message: 'an answer tells no time' });
  return time;
}

/** After a 404: throws `store.absent` where not the object but the container is missing. */
export async function requireContainer(
  session: SwiftSession,
  signal: AbortSignal,
): Promise<{ readonly policy: string | undefined }> {
  const { place } = session;
  const doing = { operation: 'look at container', key: place.container };
  const response = await session.call({ method: 'HEAD', path: containerPath(place.container), ...doing, signal });
  if (response.status === 404) {
    await dropped(response);
    throw absentContainer(place);
  }
  if (response.status < 200 || response.status > 299) throw await answerFailure(response, place, doing);
  await dropped(response);
  return { policy: header(response.headers, 'X-Storage-Policy') };
}
