import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { DriverPutOptions } from '../remote/driver.ts';
import { absentContainer, answerFailure, dropped } from './errors.ts';
import { GROUP_HEADER, headObject, objectPath, versionOf } from './objects.ts';
import { ownOrTaken, putHeaders, taken } from './put.ts';
import type { HttpResponse } from './request.ts';
import { segmentName, segmentsContainer } from './segments.ts';
import type { SwiftSession } from './session.ts';

/** A segment, or a manifest of segments, as a manifest lists it. */
export interface Listed {
  /** In the container of segments. */
  readonly name: string;
  readonly etag: string;
  readonly size: number;
}

/** One static large object. */
export interface Slo {
  readonly key: string;
  /** Names this upload among all of the key. */
  readonly group: string;
  readonly put: Omit<DriverPutOptions, 'signal'>;
  /** Most entries of a manifest. */
  readonly limit: number;
}

/** Writes the manifest of `parts` and looks at what came of it. Swift itself compares size and MD5 of every segment with what the manifest says. */
export async function putManifest(
  session: SwiftSession,
  slo: Slo,
  parts: readonly Listed[],
  signal: AbortSignal,
): Promise<ObjectInfo> {
  const { place } = session;
  const { key, put } = slo;
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const options = { ...put, signal };
  const headers = { ...putHeaders(options), [GROUP_HEADER]: slo.group };
  const entries = await withinLimit(session, slo, parts, signal);
  const response = await send(session, { container: place.container, name: key, entries, headers, signal });
  if (response.status === 412 && put.ifAbsent) {
    await dropped(response);
    return ownOrTaken(session, key, options);
  }
  if (response.status === 404) {
    await dropped(response);
    throw absentContainer(place);
  }
  if (response.status !== 201) throw await refusal(session, key, response);
  await dropped(response);
  return checked(session, slo, size, signal);
}

async function checked(session: SwiftSession, slo: Slo, size: number, signal: AbortSignal): Promise<ObjectInfo> {
  const { key, put } = slo;
  const found = await headObject(session, key, signal);
  if (found?.upload === put.token) {
    if (found.size === size) return { key, size, storedAt: found.storedAt };
    throw new Failure('store.incomplete', {
      message: `${session.place.store} made ${found.size} of ${size} bytes of ${key}`,
    });
  }
  // Another writer came in between. Where both create, Swift lets both succeed: the one that is there has won.
  if (put.ifAbsent && found !== undefined) throw taken(session, key);
  throw new Failure('store.unavailable', {
    message: `${key} in ${session.place.store} is not what was just written there`,
  });
}

/** Groups of parts become manifests of their own where they are more than one manifest may list: two levels are a million segments. */
async function withinLimit(
  session: SwiftSession,
  slo: Slo,
  parts: readonly Listed[],
  signal: AbortSignal,
): Promise<readonly Listed[]> {
  const { limit, key, group } = slo;
  if (parts.length <= limit) return parts;
  const container = segmentsContainer(session.place.container);
  const manifests: Listed[] = [];
  for (let start = 0; start < parts.length; start += limit) {
    const entries = parts.slice(start, start + limit);
    const name = segmentName(key, group, `manifest-${String(manifests.length).padStart(4, '0')}`);
    const response = await send(session, { container, name, entries, headers: {}, signal });
    if (response.status !== 201) throw await refusal(session, key, response);
    await dropped(response);
    const size = entries.reduce((sum, part) => sum + part.size, 0);
    manifests.push({ name, etag: versionOf(response.headers), size });
  }
  return manifests;
}

function send(
  session: SwiftSession,
  manifest: {
    readonly container: string;
    readonly name: string;
    readonly entries: readonly Listed[];
    readonly headers: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
): Promise<HttpResponse> {
  const { container, name, entries, headers, signal } = manifest;
  const segments = segmentsContainer(session.place.container);
  const list = entries.map((entry) => ({
    path: `/${segments}/${entry.name}`,
    etag: entry.etag,
    size_bytes: entry.size,
  }));
  const json = Buffer.from(JSON.stringify(list));
  return session.call({
    method: 'PUT',
    path: `${objectPath(container, name)}?multipart-manifest=put`,
    headers,
    body: { pieces: [json], length: json.length },
    operation: 'write the manifest of',
    key: name,
    signal,
  });
}

/** 400: a segment is not there, or is not what was sent; the body says which. */
async function refusal(session: SwiftSession, key: string, response: HttpResponse): Promise<Failure> {
  const failure = await answerFailure(response, session.place, { operation: 'write the manifest of', key });
  if (response.status !== 400) return failure;
  return new Failure('store.incomplete', {
    message: `${session.place.store} does not have all segments of ${key}: ${failure.message}`,
    cause: failure,
  });
}
