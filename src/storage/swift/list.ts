import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { DriverListOptions, DriverPage } from '../remote/driver.ts';
import { absentContainer, answerFailure, dropped, networkFailure } from './errors.ts';
import { items, numberField, parsed, textField } from './json.ts';
import { containerPath } from './objects.ts';
import { textOf } from './response-body.ts';
import type { SwiftSession } from './session.ts';

/** Objects in a page. Swift gives at most 10,000 (container_listing_limit), and may be set to give fewer. */
const PAGE = 1000;
// 1,000 entries with keys of 1,024 bytes and checksums are below 2 MB.
const MOST = 16 * 1024 * 1024;

export interface Listing {
  readonly container: string;
  readonly prefix?: string;
  /** Exclusive, both. */
  readonly after?: string | undefined;
  readonly before?: string;
}

/** One page of the container of objects. The size of a large object is that of the whole, as Swift takes it from the manifest. */
export async function listPage(session: SwiftSession, prefix: string, options: DriverListOptions): Promise<DriverPage> {
  const { container } = session.place;
  const after = options.continuation ?? options.startAfter;
  const objects = await listContainer(session, { container, prefix, after }, options.signal);
  if (objects === undefined) throw absentContainer(session.place);
  // A page may be short for many reasons (limits of the server, shards); only an empty one is the end.
  return { objects, next: objects.at(-1)?.key };
}

/** One page of any container, in byte order; undefined where the container is not there. */
export async function listContainer(
  session: SwiftSession,
  listing: Listing,
  signal: AbortSignal,
): Promise<readonly ObjectInfo[] | undefined> {
  const { place } = session;
  const { container, prefix = '', after, before } = listing;
  const doing = { operation: `list container ${container} below`, key: prefix };
  const query = new URLSearchParams({ format: 'json', limit: String(PAGE), prefix });
  if (after !== undefined) query.set('marker', after);
  if (before !== undefined) query.set('end_marker', before);
  const response = await session.call({
    method: 'GET',
    path: `${containerPath(container)}?${query.toString()}`,
    headers: { Accept: 'application/json' },
    ...doing,
    signal,
  });
  if (response.status === 404) {
    await dropped(response);
    return undefined;
  }
  if (response.status === 204) {
    await dropped(response);
    return [];
  }
  if (response.status !== 200) throw await answerFailure(response, place, doing);
  try {
    return entriesOf(await textOf(response.message, MOST));
  } catch (error) {
    throw networkFailure(error, place, doing, signal);
  }
}

function entriesOf(text: string): readonly ObjectInfo[] {
  const entries = parsed(text);
  if (!Array.isArray(entries)) throw broken('is no JSON array');
  return items(entries).map((entry) => {
    const key = textField(entry, 'name');
    const size = numberField(entry, 'bytes');
    const modified = textField(entry, 'last_modified');
    // In UTC, without saying so.
    const storedAt =
      modified === undefined ? Number.NaN : Date.parse(modified.endsWith('Z') ? modified : `${modified}Z`);
    if (key === undefined || size === undefined || Number.isNaN(storedAt))
      throw broken('has an entry that is no object');
    return { key, size, storedAt };
  });
}

/** Thrown, not skipped: a listing is complete or an error. */
const broken = (why: string): Failure => new Failure('store.unavailable', { message: `the listing ${why}` });
