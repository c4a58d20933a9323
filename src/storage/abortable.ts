/**
 * The same pieces, but the iteration throws the signal's reason as soon as it is aborted, even while the source hangs.
 * The source's iterator is closed in every case; only a hanging one is not waited for.
 */
export async function* abortable(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const iterator = source[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const step = await orAbort(iterator.next(), signal);
      if (step.done === true) {
        ended = true;
        return;
      }
      yield step.value;
      signal.throwIfAborted();
    }
  } finally {
    if (!ended) {
      const closing = iterator.return?.();
      // A hanging generator queues return() behind its pending next(): waiting for it would hang as well.
      if (signal.aborted) closing?.then(undefined, () => undefined);
      else await closing;
    }
  }
}

/** One listener a step, removed with it: racing against one long-lived promise would keep a reaction for every step. */
export async function orAbort<T>(step: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort: () => void = () => undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      abort = () => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      step.then(resolve, reject);
      if (signal.aborted) abort();
    });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
