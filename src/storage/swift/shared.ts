/** Runs `work` once for all that ask while it runs. Each waits with its own signal; none of them ends the work for the others. */
export function shared<T>(work: () => Promise<T>): (signal: AbortSignal) => Promise<T> {
  let running: Promise<T> | undefined;
  return async (signal) => {
    signal.throwIfAborted();
    running ??= work().finally(() => {
      running = undefined;
    });
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    running.then(resolve, reject);
    return promise.finally(() => signal.removeEventListener('abort', abort));
  };
}
