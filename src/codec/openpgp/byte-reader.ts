import { Failure } from '../../domain/failure.ts';

/** Takes bytes from a stream of pieces in the portions that a format asks for, in bounded memory. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** At most `limit` bytes of what is at hand, at least one; undefined at the end. */
  async some(limit: number): Promise<Uint8Array | undefined> {
    while (this.#piece.byteLength === 0 && !this.#ended) {
      const step = await this.#source.next();
      if (step.done === true) this.#ended = true;
      else this.#piece = step.value;
    }
    if (this.#piece.byteLength === 0) return undefined;
    const taken = this.#piece.subarray(0, limit);
    this.#piece = this.#piece.subarray(taken.byteLength);
    return taken;
  }

  /** Exactly `count` bytes; throws `object.corrupt` where there are fewer. For small counts. */
  async exactly(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    for (let filled = 0; filled < count; ) {
      const taken = await this.some(count - filled);
      if (taken === undefined) throw new Failure('object.corrupt', { message: 'an OpenPGP message is cut' });
      bytes.set(taken, filled);
      filled += taken.byteLength;
    }
    return bytes;
  }

  /** One byte, or undefined at the end. */
  async byte(): Promise<number | undefined> {
    return (await this.some(1))?.[0];
  }

  /** Lets the source go when nobody wants its rest. */
  async close(): Promise<void> {
    this.#ended = true;
    this.#piece = new Uint8Array(0);
    await this.#source.return?.();
  }
}
