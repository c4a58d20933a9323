import { Failure } from '../../domain/failure.ts';
import { type AzureCall, azureFailure } from './errors.ts';

/** The body of an answer, counted. Not a generator: one that is closed before its first step would not release the connection. */
export class AzureBody implements AsyncIterableIterator<Uint8Array> {
  readonly #stream: NodeJS.ReadableStream;
  readonly #pieces: AsyncIterator<unknown>;
  readonly #length: number;
  readonly #call: AzureCall;
  #received = 0;

  constructor(stream: NodeJS.ReadableStream, length: number, call: AzureCall) {
    this.#stream = stream;
    // A connection that breaks while nobody waits for the next piece must not end the process; the iterator tells of it.
    stream.on('error', () => undefined);
    this.#pieces = stream[Symbol.asyncIterator]();
    this.#length = length;
    this.#call = call;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    try {
      const { done, value } = await this.#pieces.next();
      if (done !== true && value instanceof Uint8Array) {
        this.#received += value.length;
        return { done: false, value };
      }
    } catch (error) {
      // The SDK reports a connection that was closed as an abort, too: only the signal knows.
      const failure = azureFailure(error, this.#call);
      throw failure instanceof Failure && failure.class !== 'transient' ? this.#brokenOff(error) : failure;
    }
    if (this.#received !== this.#length) throw this.#brokenOff();
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    // Before the first step the iterator does not know its stream, and would leave it open.
    if ('destroy' in this.#stream && typeof this.#stream.destroy === 'function') this.#stream.destroy();
    return { done: true, value: undefined };
  }

  #brokenOff(cause?: unknown): Failure {
    const { store, key } = this.#call;
    return new Failure('store.unavailable', {
      message: `${store} broke off "${key ?? ''}" after ${this.#received} of ${this.#length} bytes`,
      cause,
    });
  }
}
