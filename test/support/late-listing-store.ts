import type { ListOptions, ObjectInfo, ObjectStore } from '../../src/storage/object-store.ts';

const PAGE = 1000;

/** The state of an object that listings show until then. */
interface Late {
  readonly until: number;
  readonly shown: ObjectInfo | undefined;
}

/**
 * A store whose listings show each change only some time after it, some sooner than others, while everything else is at once: as
 * Swift's are where a container's update is queued. Changes made past this store are seen at once.
 */
export function lateListingStore(store: ObjectStore, milliseconds: number): ObjectStore {
  const late = new Map<string, Late>();
  const shownOf = async (key: string): Promise<ObjectInfo | undefined> => {
    const known = late.get(key);
    if (known !== undefined && known.until > Date.now()) return known.shown;
    return store.head(key, { signal: new AbortController().signal });
  };
  const changed = (key: string, shown: ObjectInfo | undefined): void => {
    const delay = (milliseconds * (1 + (key.charCodeAt(key.length - 1) % 4))) / 4;
    late.set(key, { until: Date.now() + delay, shown });
  };
  async function* list(prefix: string, options: ListOptions): AsyncGenerator<readonly ObjectInfo[]> {
    const found = new Map<string, ObjectInfo>();
    for await (const page of store.list(prefix, options)) for (const info of page) found.set(info.key, info);
    const now = Date.now();
    for (const [key, { until, shown }] of late) {
      if (until <= now) late.delete(key);
      else if (!key.startsWith(prefix) || (options.startAfter !== undefined && key <= options.startAfter)) continue;
      else if (shown === undefined) found.delete(key);
      else found.set(key, shown);
    }
    const all = [...found.values()].toSorted((one, other) => (one.key < other.key ? -1 : 1));
    for (let start = 0; start < all.length; start += PAGE) yield all.slice(start, start + PAGE);
  }
  return {
    capabilities: { ...store.capabilities, consistentListing: false },
    description: store.description,
    async put(key, body, options) {
      // Not of a key that is refused, or after an abort: the store says so itself.
      const shown = options.signal.aborted ? undefined : await shownOf(key).catch(() => undefined);
      const info = await store.put(key, body, options);
      changed(key, shown);
      return info;
    },
    conditionalCreateLimit: (...args) => store.conditionalCreateLimit(...args),
    get: (...args) => store.get(...args),
    head: (...args) => store.head(...args),
    list,
    async deleteMany(keys, options) {
      const shown = options.signal.aborted
        ? []
        : await Promise.all(keys.map((key) => shownOf(key).catch(() => undefined)));
      const results = await store.deleteMany(keys, options);
      for (const [index, { key, kind }] of results.entries()) if (kind === 'removed') changed(key, shown[index]);
      return results;
    },
    removeAbandonedUploads: (...args) => store.removeAbandonedUploads(...args),
    close: () => store.close(),
  };
}
