/**
 * The same pieces, but the iteration throws the signal's reason as soon as it is aborted, even while the source hangs.
 * The source's iterator is closed in every case; only a hanging one is not waited for.
 */
export async function* abortable(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  using steps = new AbortableSteps(signal);
  const iterator = source[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const step = await steps.orAbort(iterator.next());
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

/**
 * Steps, one after the other, each of which ends with the signal's reason as soon as it is aborted. One listener for all of them: a request
 * of 4 KiB pays noticeably for each. Racing against one long-lived promise would keep a reaction for every step.
 */
export class AbortableSteps implements Disposable {
  readonly #signal: AbortSignal;
  readonly #follow = (): void => this.abort(this.#signal.reason);
  #reject: ((reason: unknown) => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.#follow, { once: true });
  }

  /** Not before the step before it has ended. */
  orAbort<T>(step: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#reject = reject;
      step.then(resolve, reject);
      if (this.#signal.aborted) reject(this.#signal.reason);
    });
  }

  /** Ends the step that is under way. */
  abort(reason: unknown): void {
    this.#reject?.(reason);
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#follow);
  }
}

/** For a single step. */
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
