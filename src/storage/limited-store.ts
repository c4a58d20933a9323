import type { GetOptions, ListOptions, ObjectBody, ObjectInfo, ObjectStore, PutOptions } from './object-store.ts';
import type { TransferLimits } from './remote/transfer-limits.ts';

/**
 * A store within the limits of its repository, for one that does not count by itself: the local file system, which may be a network's.
 * While a body is awaited from the caller nothing is counted, so that work that waits for other work of the repository goes on.
 */
export function limitedStore(store: ObjectStore, limits: TransferLimits): ObjectStore {
  const { gate } = limits;
  return {
    capabilities: store.capabilities,
    conditionalCreateLimit: async (options) =>
      gate.run(options.signal, async () => store.conditionalCreateLimit(options)),
    description: store.description,
    put: async (key, body, options) => put(store, limits, key, body, options),
    async get(key, options) {
      const body = await gate.run(options.signal, async () => store.get(key, options));
      return new LimitedBody(body, limits, options);
    },
    head: async (key, options) => gate.run(options.signal, async () => store.head(key, options)),
    list: (prefix, options) => list(store, limits, prefix, options),
    deleteMany: async (keys, options) => gate.run(options.signal, async () => store.deleteMany(keys, options)),
    removeAbandonedUploads: async (prefix, before, options) =>
      gate.run(options.signal, async () => store.removeAbandonedUploads(prefix, before, options)),
    close: async () => store.close(),
  };
}

async function put(
  store: ObjectStore,
  { gate, upload }: TransferLimits,
  key: string,
  body: ObjectBody,
  options: PutOptions,
): Promise<ObjectInfo> {
  let inside = false;
  const enter = async (): Promise<void> => {
    await gate.enter(options.signal);
    inside = true;
  };
  const leave = (): void => {
    if (inside) gate.leave();
    inside = false;
  };
  async function* paced(): ObjectBody {
    leave();
    for await (const piece of body) {
      await upload.take(piece.length, options.signal);
      await enter();
      yield piece;
      leave();
    }
    await enter();
  }
  await enter();
  try {
    return await store.put(key, paced(), options);
  } finally {
    leave();
  }
}

async function* list(
  store: ObjectStore,
  { gate }: TransferLimits,
  prefix: string,
  options: ListOptions,
): AsyncGenerator<readonly ObjectInfo[]> {
  const pages = store.list(prefix, options)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await gate.run(options.signal, async () => pages.next());
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    await pages.return?.();
  }
}

/** Not a generator: one that is closed before its first step would not close the file. */
class LimitedBody implements AsyncIterableIterator<Uint8Array> {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #limits: TransferLimits;
  readonly #signal: AbortSignal;

  constructor(body: ObjectBody, limits: TransferLimits, { signal }: GetOptions) {
    this.#pieces = body[Symbol.asyncIterator]();
    this.#limits = limits;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    try {
      const step = await this.#limits.gate.run(this.#signal, async () => this.#pieces.next());
      if (step.done !== true) await this.#limits.download.take(step.value.length, this.#signal);
      return step;
    } catch (error) {
      await this.return();
      throw error;
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.#pieces.return?.();
    return { done: true, value: undefined };
  }
}
