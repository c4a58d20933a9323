/** Reads a stream in lengths of the reader's choice. Holds the rest of one piece. */
export class PieceReader implements AsyncDisposable {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#pieces = source[Symbol.asyncIterator]();
  }

  /** The next `size` bytes, and fewer only at the end: none there. They are not copied where one piece has them all. */
  async upTo(size: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let missing = size;
    while (missing > 0 && (await this.#fill())) {
      const part = this.#cut(missing);
      parts.push(part);
      missing -= part.length;
    }
    const [only] = parts;
    return only && parts.length === 1 ? only : Buffer.concat(parts);
  }

  /** Passes over `size` bytes without holding them, and says whether they were there. */
  async skip(size: number): Promise<boolean> {
    let missing = size;
    while (missing > 0 && (await this.#fill())) missing -= this.#cut(missing).length;
    return missing === 0;
  }

  /** Closes the source. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pieces.return?.();
  }

  #cut(size: number): Uint8Array {
    const part = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#pieces.next();
      if (next.done === true) return false;
      this.#rest = next.value;
    }
    return true;
  }
}
