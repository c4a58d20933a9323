import { Failure } from '../../domain/failure.ts';
import type { DriverListOptions, DriverPage } from '../remote/driver.ts';
import type { GcsClient } from './gcs-client.ts';
import { infoOf, parseObject, record, text } from './gcs-object.ts';

// The most that the service puts on a page.
const PAGE = 1000;

/** StoreDriver.listPage. A page may be empty and yet not the last one. */
export async function listPage(client: GcsClient, prefix: string, options: DriverListOptions): Promise<DriverPage> {
  const { startAfter, continuation, signal } = options;
  const { json } = await client.json({
    operation: 'list',
    method: 'GET',
    path: `${client.bucketPath}/o`,
    query: {
      prefix,
      maxResults: String(PAGE),
      pageToken: continuation,
      // Of every page of one listing the service wants the same parameters, but no page after the first needs this one.
      startOffset: continuation === undefined ? startAfter : undefined,
      projection: 'noAcl',
      fields: 'kind,nextPageToken,items(name,size,timeCreated,generation)',
    },
    signal,
  });
  const page = record(json);
  // An empty listing has no `items`: something has to tell it from an answer of something else.
  if (page['kind'] !== 'storage#objects') {
    throw new Failure('store.unavailable', { message: `the answer of ${client.description} is no listing` });
  }
  const items: readonly unknown[] = Array.isArray(page['items']) ? page['items'] : [];
  const objects = items.map((item) => infoOf(parseObject(item)));
  return {
    // `startOffset` is inclusive.
    objects: startAfter === undefined ? objects : objects.filter(({ key }) => key !== startAfter),
    next: text(page['nextPageToken']),
  };
}
