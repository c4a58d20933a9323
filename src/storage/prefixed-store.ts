import { checkKey, checkPrefix } from './object-key.ts';
import type { DeleteResult, ListOptions, ObjectInfo, ObjectStore } from './object-store.ts';

/**
 * The part of a store below `prefix` (without slashes at the ends; '' gives the store itself), seen as a store of its own. Throws
 * `value.invalid` for a prefix that is no key. Closing the view closes the store.
 */
export function prefixedStore(store: ObjectStore, prefix: string): ObjectStore {
  if (prefix === '') return store;
  checkKey(prefix);
  const outer = (key: string): string => {
    checkKey(key);
    return `${prefix}/${key}`;
  };
  const inner = <T extends { readonly key: string }>(item: T): T => ({
    ...item,
    key: item.key.slice(prefix.length + 1),
  });
  async function* list(keyPrefix: string, options: ListOptions): AsyncGenerator<readonly ObjectInfo[]> {
    checkPrefix(keyPrefix);
    const { startAfter } = options;
    const translated = startAfter === undefined ? options : { ...options, startAfter: `${prefix}/${startAfter}` };
    for await (const page of store.list(`${prefix}/${keyPrefix}`, translated)) yield page.map(inner);
  }
  return {
    capabilities: store.capabilities,
    conditionalCreateLimit: async (options) => store.conditionalCreateLimit(options),
    description: `${store.description}/${prefix}`,
    put: async (key, body, options) => inner(await store.put(outer(key), body, options)),
    get: async (key, options) => store.get(outer(key), options),
    head: async (key, options) => {
      const found = await store.head(outer(key), options);
      return found && inner(found);
    },
    list,
    deleteMany: async (keys, options) => {
      const results = await store.deleteMany(keys.map(outer), options);
      return results.map((result): DeleteResult => inner(result));
    },
    removeAbandonedUploads: async (keyPrefix, before, options) => {
      checkPrefix(keyPrefix);
      return store.removeAbandonedUploads(`${prefix}/${keyPrefix}`, before, options);
    },
    close: async () => store.close(),
  };
}
