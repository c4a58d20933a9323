import { Failure } from '../domain/failure.ts';

/**
 * Walks over the outer form of one Zstandard frame (RFC 8878, section 3.1.1) as its bytes come by, without decoding. It is there because
 * zlib's decoder stops silently after the first frame: with it, one object is exactly one whole frame, or an error.
 * Bytes are looked at where a header is expected and skipped elsewhere, so it costs next to nothing.
 */
export class ZstdFrameWalker {
  #state: 'header' | 'block' | 'body' | 'end' = 'header';
  /** Bytes of the header that is being collected (at most 18: magic 4, descriptor 1, window 1, dictionary 4, content size 8). */
  #header: number[] = [];
  #skip = 0;
  #lastBlock = false;
  #checksum = false;

  /** Takes the next bytes. Throws `object.corrupt` where the form is broken or where bytes follow the frame. */
  feed(bytes: Uint8Array): void {
    if (this.take(bytes) < bytes.length) throw corrupt('is followed by other data');
  }

  /** Takes the next bytes and says how many of them belong to the frame: all, unless it ends among them. */
  take(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && this.#state !== 'end') {
      if (this.#state === 'body') {
        const step = Math.min(this.#skip, bytes.length - at);
        this.#skip -= step;
        at += step;
        if (this.#skip === 0) this.#enter(this.#lastBlock ? 'end' : 'block');
        continue;
      }
      this.#header.push(bytes[at] ?? 0);
      at += 1;
      if (this.#state === 'header') this.#frameHeader();
      else this.#blockHeader();
    }
    return at;
  }

  /** Throws `object.corrupt` unless the frame is complete. */
  finish(): void {
    if (this.#state !== 'end') throw corrupt('is cut');
  }

  #enter(state: 'block' | 'body' | 'end'): void {
    this.#state = state;
    this.#header = [];
  }

  #frameHeader(): void {
    const [a, b, c, d, descriptor] = this.#header;
    if (descriptor === undefined) return;
    if (a !== 0x28 || b !== 0xb5 || c !== 0x2f || d !== 0xfd) throw corrupt('does not begin like one');
    // Bits: content size field 7-6, single segment 5, unused 4 and reserved 3 (both written as 0), checksum 2, dictionary 1-0.
    if ((descriptor & 0b0001_1011) !== 0) throw corrupt('needs a dictionary or has unknown bits set');
    const single = (descriptor & 0b0010_0000) !== 0;
    const sizeField = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
    if (this.#header.length < 5 + (single ? 0 : 1) + sizeField) return;
    this.#checksum = (descriptor & 0b0000_0100) !== 0;
    this.#enter('block');
  }

  #blockHeader(): void {
    const [a, b, c] = this.#header;
    if (a === undefined || b === undefined || c === undefined) return;
    const header = a | (b << 8) | (c << 16);
    const type = (header >> 1) & 3;
    if (type === 3) throw corrupt('has a block of an unknown type');
    this.#lastBlock = (header & 1) === 1;
    // A block of type 1 is one byte, to be repeated as often as the size says. The checksum of 4 bytes follows the last block.
    this.#skip = (type === 1 ? 1 : header >> 3) + (this.#lastBlock && this.#checksum ? 4 : 0);
    if (this.#skip > 0) this.#enter('body');
    else this.#enter(this.#lastBlock ? 'end' : 'block');
  }
}

/** `what` goes on after "a zstd frame …". */
export function corrupt(what: string, cause?: unknown): Failure {
  return new Failure('object.corrupt', { message: `a zstd frame ${what}`, ...(cause !== undefined && { cause }) });
}
