/** Gives `work` of every item, in order, with up to `limit` of them under way ahead of the consumer. */
export async function* mapAhead<T, R>(
  items: AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const ahead: Promise<R>[] = [];
  const next = async (): Promise<R[]> => {
    const first = ahead.shift();
    return first === undefined ? [] : [await first];
  };
  try {
    for await (const item of items) {
      const started = work(item);
      // The error is thrown where its turn comes; until then nobody else may see it as unhandled.
      started.catch(() => undefined);
      ahead.push(started);
      if (ahead.length >= limit) yield* await next();
    }
    while (ahead.length > 0) yield* await next();
  } finally {
    await Promise.allSettled(ahead);
  }
}
