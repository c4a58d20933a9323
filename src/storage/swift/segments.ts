import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import { answerFailure, dropped, networkFailure } from './errors.ts';
import { items, parsed, textField } from './json.ts';
import { containerPath, type Found, objectPath, requireContainer } from './objects.ts';
import { textOf } from './response-body.ts';
import type { SwiftSession } from './session.ts';

/**
 * Segments of large objects lie in a container of their own, as Swift's own clients do it, so that they are in no listing of objects:
 * `<key>/<group>/<index>`, where a group is one upload. The container is made when it is first needed.
 */
export const segmentsContainer = (container: string): string => `${container}_segments`;

// Swift's max_object_name_length.
const MAX_NAME = 1024;

export function groupPrefix(key: string, group: string): string {
  return `${key}/${group}/`;
}

export function segmentName(key: string, group: string, name: string): string {
  const full = groupPrefix(key, group) + name;
  if (full.length <= MAX_NAME) return full;
  throw new Failure('value.invalid', {
    message: `the object key ${key} is too long for an object that is stored in segments (${key.length} bytes; ${key.length - full.length + MAX_NAME} are possible)`,
  });
}

export interface Segment extends ObjectInfo {
  /** Key of the object that it is a part of. */
  readonly of: string;
  readonly group: string;
}

/** Undefined for what hoard did not put there. */
export function segmentOf(info: ObjectInfo): Segment | undefined {
  const [, of, group] = /^(.+)\/([0-9a-f]{32})\/(?:[0-9]{8}|manifest-[0-9]{4})$/.exec(info.key) ?? [];
  return of === undefined || group === undefined ? undefined : { ...info, of, group };
}

/** Makes the container of segments, under the storage policy of the container of objects, which must be there. */
export async function makeSegmentsContainer(session: SwiftSession, signal: AbortSignal): Promise<void> {
  const { place } = session;
  const container = segmentsContainer(place.container);
  const { policy } = await requireContainer(session, signal);
  const doing = { operation: 'make the container of segments', key: container };
  const response = await session.call({
    method: 'PUT',
    path: containerPath(container),
    headers: policy === undefined ? {} : { 'X-Storage-Policy': policy },
    ...doing,
    signal,
  });
  if (response.status === 403) {
    await dropped(response);
    throw new Failure('store.denied', {
      message: `${place.store}: this user may not make the container ${container}, which objects of more than one segment need (key of ${place.credentials})`,
      hint: `make it once with \`swift post ${container}\` and let the user read and write it`,
    });
  }
  if (response.status < 200 || response.status > 299) throw await answerFailure(response, place, doing);
  await dropped(response);
}

/** The upload whose segments `found` is made of: hoard's metadata says it, and where another tool has replaced that, the manifest itself. */
export async function groupInUse(
  session: SwiftSession,
  found: Found,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!found.segmented || found.group !== undefined) return found.group;
  const { place } = session;
  const doing = { operation: 'read the manifest of', key: found.key };
  const path = `${objectPath(place.container, found.key)}?multipart-manifest=get`;
  const response = await session.call({ method: 'GET', path, headers: { 'X-Newest': 'true' }, ...doing, signal });
  if (response.status !== 200) throw await answerFailure(response, place, doing);
  try {
    const names = items(parsed(await textOf(response.message, MOST_MANIFEST))).map((entry) => textField(entry, 'name'));
    const start = `/${segmentsContainer(place.container)}/`;
    const name = names.find((text) => text?.startsWith(`${start}${found.key}/`) === true);
    return name === undefined ? undefined : segmentOf({ ...found, key: name.slice(start.length) })?.group;
  } catch (error) {
    throw networkFailure(error, place, doing, signal);
  }
}

// Swift's max_manifest_size is 8 MiB; what it gives back has more fields.
const MOST_MANIFEST = 64 * 1024 * 1024;
