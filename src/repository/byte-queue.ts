/**
 * Hands pieces from one producer to one consumer, holding at most about `limit` bytes between them: `push` resolves only when the
 * queue is below its limit again.
 */
export class ByteQueue {
  readonly #limit: number;
  #pieces: Uint8Array[] = [];
  #size = 0;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #wakeConsumer: (() => void) | undefined;
  #wakeProducer: (() => void) | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Rejects with the error given to `fail`, also while it waits. */
  async push(piece: Uint8Array): Promise<void> {
    this.#throwIfFailed();
    this.#pieces.push(piece);
    this.#size += piece.byteLength;
    this.#wakeConsumer?.();
    while (this.#size > this.#limit && !this.#failure) {
      await new Promise<void>((resolve) => {
        this.#wakeProducer = resolve;
      });
    }
    this.#throwIfFailed();
  }

  /** No more pieces come. */
  end(): void {
    this.#ended = true;
    this.#wakeConsumer?.();
  }

  /** Ends both sides with an error; what is queued is dropped. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#pieces = [];
    this.#size = 0;
    this.#wakeConsumer?.();
    this.#wakeProducer?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      this.#throwIfFailed();
      const pieces = this.#pieces;
      this.#pieces = [];
      for (const piece of pieces) {
        yield piece;
        this.#size -= piece.byteLength;
        this.#wakeProducer?.();
      }
      if (this.#pieces.length > 0 || this.#failure) continue;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wakeConsumer = resolve;
      });
    }
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
