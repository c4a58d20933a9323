import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { DriverListOptions, DriverPage } from '../remote/driver.ts';
import { storedAt } from './properties.ts';
import type { AzureService } from './service.ts';

/** The service gives up to 5,000; a thousand keep memory and the time of one answer small. */
const PAGE = 1000;

/** List Blobs. */
export async function listPage(service: AzureService, prefix: string, options: DriverListOptions): Promise<DriverPage> {
  const { signal } = options;
  const from = options.continuation === undefined ? undefined : decode(options.continuation);
  const startAfter = from?.startAfter ?? options.startAfter ?? '';
  const page = await service.onContainer(service.call('list objects', signal), async (container) => {
    const blobs = container.listBlobsFlat({
      prefix,
      abortSignal: signal,
      // Inclusive. Services that do not know it yet begin at the first blob: so what comes before is skipped here, too.
      ...(startAfter.startsWith(prefix) && startAfter !== '' && { startFrom: startAfter }),
    });
    const pages = blobs.byPage({ maxPageSize: PAGE, ...(from && { continuationToken: from.marker }) });
    const step = await pages.next();
    return step.done === true ? undefined : step.value;
  });
  if (page === undefined) return { objects: [], next: undefined };
  const objects: ObjectInfo[] = page.segment.blobItems.map(({ name, properties: { contentLength, lastModified } }) => ({
    key: name,
    size: contentLength ?? 0,
    storedAt: storedAt(lastModified),
  }));
  const last = requireOrder(service, objects, from?.last ?? '');
  const marker = page.continuationToken;
  return {
    objects: objects.filter(({ key }) => key > startAfter),
    next: marker === undefined || marker === '' ? undefined : encode({ marker, startAfter, last }),
  };
}

/** Accounts with a hierarchical namespace list folder by folder. Nobody above could notice what such an order lets them miss. */
function requireOrder(service: AzureService, objects: readonly ObjectInfo[], before: string): string {
  let last = before;
  for (const { key } of objects) {
    if (key <= last) {
      throw new Failure('store.rejected', {
        message: `${service.description} lists "${key}" after "${last}", not in byte order`,
        hint: 'use a storage account without hierarchical namespace',
      });
    }
    last = key;
  }
  return last;
}

interface Position {
  readonly marker: string;
  readonly startAfter: string;
  /** The last key of the page before. */
  readonly last: string;
}

/** Keys have no spaces; the marker, which is the service's own, may. */
function encode({ marker, startAfter, last }: Position): string {
  return `${startAfter} ${last} ${marker}`;
}

function decode(continuation: string): Position {
  const [startAfter = '', last = '', ...marker] = continuation.split(' ');
  return { startAfter, last, marker: marker.join(' ') };
}
