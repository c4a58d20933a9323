import type { ListOptions, ObjectInfo, ObjectStore } from '../../src/storage/object-store.ts';

/** A store whose listings stand still from `freeze` on, while everything else is as it is: as Swift's can. */
export interface StaleListingStore extends ObjectStore {
  freeze(): Promise<void>;
  /** The listings are up to date again. */
  thaw(): void;
}

export function staleListingStore(store: ObjectStore): StaleListingStore {
  let frozen: readonly ObjectInfo[] | undefined;
  async function* list(prefix: string, options: ListOptions): AsyncGenerator<readonly ObjectInfo[]> {
    if (frozen === undefined) {
      yield* store.list(prefix, options);
      return;
    }
    const { startAfter } = options;
    yield frozen.filter(({ key }) => key.startsWith(prefix) && (startAfter === undefined || key > startAfter));
  }
  return {
    capabilities: { ...store.capabilities, consistentListing: false },
    description: store.description,
    conditionalCreateLimit: (...args) => store.conditionalCreateLimit(...args),
    put: (...args) => store.put(...args),
    get: (...args) => store.get(...args),
    head: (...args) => store.head(...args),
    list,
    deleteMany: (...args) => store.deleteMany(...args),
    removeAbandonedUploads: (...args) => store.removeAbandonedUploads(...args),
    close: () => store.close(),
    async freeze() {
      const all: ObjectInfo[] = [];
      for await (const page of store.list('', { signal: new AbortController().signal })) all.push(...page);
      frozen = all;
    },
    thaw() {
      frozen = undefined;
    },
  };
}
