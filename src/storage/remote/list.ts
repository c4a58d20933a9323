import { Failure } from '../../domain/failure.ts';
import { checkPrefix, isKey } from '../object-key.ts';
import type { ListOptions, ObjectInfo } from '../object-store.ts';
import type { DriverPage } from './driver.ts';
import type { RemoteParts } from './remote-parts.ts';

/** ObjectStore.list. What the store gives is not believed: a page out of order means that others may be missing. */
export async function* listObjects(
  { driver, attempts }: RemoteParts,
  prefix: string,
  options: ListOptions,
): AsyncGenerator<readonly ObjectInfo[]> {
  checkPrefix(prefix);
  const { signal, startAfter } = options;
  signal.throwIfAborted();
  let continuation: string | undefined;
  let after = startAfter ?? '';
  for (;;) {
    const page: DriverPage = await attempts.run(signal, async () =>
      driver.listPage(prefix, {
        signal,
        startAfter: continuation === undefined ? startAfter : undefined,
        continuation,
      }),
    );
    // Names that are no keys of ours are other people's objects.
    const objects = page.objects.filter(({ key }) => isKey(key));
    for (const { key } of objects) {
      if (key <= after || !key.startsWith(prefix)) throw wrong(driver.description, prefix, `${key} after "${after}"`);
      after = key;
    }
    if (objects.length > 0) yield objects;
    if (page.next === undefined) return;
    if (page.next === continuation) throw wrong(driver.description, prefix, 'the same page again');
    continuation = page.next;
  }
}

function wrong(place: string, prefix: string, what: string): Failure {
  return new Failure('store.unavailable', {
    message: `the listing of "${prefix}" in ${place} is out of order: it gives ${what}`,
    hint: 'nothing was concluded from it; the store, or a cache before it, lists wrongly',
  });
}
