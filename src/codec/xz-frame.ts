import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { corrupt } from './xz-corrupt.ts';
import { SummedFields, type Want, type Wanting } from './xz-fields.ts';

/** 64 MiB, as `xz -9` asks for. The decoder allocates what the header says: more is refused. */
const MAX_DICTIONARY = 64 * 1024 * 1024;
const LZMA2 = 0x21;
/** Sizes of the check that follows a block, by its id: CRC32, CRC64, SHA-256. Frames without one are refused, and other ids are unknown. */
const CHECK_BYTES: Readonly<Record<number, number>> = { 0x01: 4, 0x04: 8, 0x0a: 32 };
const HEADER_MAGIC = 'fd377a585a00';
const FOOTER_MAGIC = 'YZ';
/** Of the stream's header, and of its footer. */
const EDGE_BYTES = 12;

/**
 * Walks over the outer form of one .xz stream (the .xz file format 1.2, and the chunks of LZMA2 as xz-embedded documents them) as its bytes come
 * by, without decoding. It checks everything but the content itself, and knows how much that will be before it is decoded: every chunk
 * of LZMA2 says its plain size, and a decoder gives no more. One object is exactly one stream: none behind it, and no padding.
 */
export class XzWalker {
  readonly #form = this.#stream();
  #want: Want = { take: 0 };
  #collected: Uint8Array[] = [];
  #ended = false;
  #plainBytes = 0;

  constructor() {
    this.#advance(new Uint8Array(0));
  }

  /** What the chunks until now decode to. */
  get plainBytes(): number {
    return this.#plainBytes;
  }

  /** Takes the next bytes. Throws `object.corrupt` where the form is broken or where bytes follow the stream. */
  feed(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#ended) throw corrupt('is followed by other data');
      const missing = this.#want.take ?? this.#want.skip;
      const part = rest.subarray(0, missing);
      rest = rest.subarray(part.length);
      if (this.#want.take !== undefined) this.#collected.push(part);
      if (part.length === missing) this.#advance(Buffer.concat(this.#collected));
      else
        this.#want = this.#want.take === undefined ? { skip: missing - part.length } : { take: missing - part.length };
    }
  }

  /** Throws `object.corrupt` unless the stream is complete. */
  finish(): void {
    if (!this.#ended) throw corrupt('is cut');
  }

  #advance(given: Uint8Array): void {
    this.#collected = [];
    const next = this.#form.next(given);
    if (next.done === true) this.#ended = true;
    else this.#want = next.value;
  }

  *#stream(): Wanting<void> {
    const header = yield* take(EDGE_BYTES);
    if (header.toString('hex', 0, 6) !== HEADER_MAGIC) throw corrupt('does not begin like one');
    const flags = header.subarray(6, 8);
    if (crc32(flags) !== header.readUInt32LE(8)) throw corrupt('has a damaged header');
    const checkBytes = CHECK_BYTES[flags.readUInt8(1)];
    if (flags.readUInt8(0) !== 0 || checkBytes === undefined) throw corrupt('has no check, or an unknown one');
    // The index repeats the sizes of all blocks. Of two equal lists only the hashes are kept, as there may be many.
    const blocks = { count: 0, sizes: createHash('sha256') };
    const index = new SummedFields();
    for (;;) {
      const start = yield* take(1);
      if (start[0] === 0) {
        index.add(start);
        break;
      }
      const { unpadded, plain } = yield* this.#block(start, checkBytes);
      blocks.count += 1;
      blocks.sizes.update(`${unpadded} ${plain}\n`);
    }
    const listed = createHash('sha256');
    if ((yield* index.number()) !== blocks.count) throw corrupt('has an index of other blocks');
    for (let block = 0; block < blocks.count; block += 1) {
      listed.update(`${yield* index.number()} ${yield* index.number()}\n`);
    }
    if (!listed.digest().equals(blocks.sizes.digest())) throw corrupt('has an index of other blocks');
    yield* index.end(Math.ceil(index.bytes / 4) * 4);
    const footer = yield* take(EDGE_BYTES);
    const sound =
      footer.toString('latin1', 10) === FOOTER_MAGIC &&
      footer.subarray(8, 10).equals(flags) &&
      crc32(footer.subarray(4, 10)) === footer.readUInt32LE(0) &&
      (footer.readUInt32LE(4) + 1) * 4 === index.bytes;
    if (!sound) throw corrupt('has a damaged end');
  }

  *#block(start: Uint8Array, checkBytes: number): Wanting<{ readonly unpadded: number; readonly plain: number }> {
    const header = new SummedFields();
    header.add(start);
    const [flags = 0] = yield* header.take(1);
    // One filter, reserved bits 0. Bits 6 and 7: the sizes of the stored and the plain content follow.
    if ((flags & 0b0011_1111) !== 0) throw corrupt('has more than one filter, or unknown bits set');
    const declaredStored = (flags & 0x40) === 0 ? undefined : yield* header.number();
    const declaredPlain = (flags & 0x80) === 0 ? undefined : yield* header.number();
    const filter = yield* header.number();
    const propertyBytes = yield* header.number();
    if (filter !== LZMA2 || propertyBytes !== 1) throw corrupt('has a filter other than LZMA2');
    const [bits = 0] = yield* header.take(1);
    // A mantissa of 2 or 3 and an exponent; 40 means 4 GiB less one.
    if ((2 | (bits & 1)) * 2 ** (Math.floor(bits / 2) + 11) > MAX_DICTIONARY) {
      throw corrupt(`asks for a dictionary of more than ${MAX_DICTIONARY} bytes`);
    }
    yield* header.end(((start[0] ?? 0) + 1) * 4 - 4);
    const { stored, plain } = yield* this.#chunks();
    if (stored !== (declaredStored ?? stored) || plain !== (declaredPlain ?? plain)) {
      throw corrupt('has a block of another size than it says');
    }
    if ((yield* take((4 - (stored % 4)) % 4)).some((byte) => byte !== 0)) throw corrupt('has damaged padding');
    yield { skip: checkBytes };
    return { unpadded: header.bytes + stored + checkBytes, plain };
  }

  *#chunks(): Wanting<{ readonly stored: number; readonly plain: number }> {
    let stored = 0;
    let plain = 0;
    for (;;) {
      const control = (yield* take(1)).readUInt8(0);
      stored += 1;
      if (control === 0) return { stored, plain };
      if (control > 2 && control < 0x80) throw corrupt('has a chunk of an unknown type');
      // Stored as it is: its size. Compressed: five more bits of the plain size in the first byte, then the stored size; from 0xc0 on, properties.
      const compressed = control >= 0x80;
      const sizes = yield* take(compressed ? 4 : 2);
      const size = sizes.readUInt16BE(0) + 1 + (compressed ? (control & 0x1f) * 65_536 : 0);
      const body = compressed ? sizes.readUInt16BE(2) + 1 + (control >= 0xc0 ? 1 : 0) : size;
      plain += size;
      this.#plainBytes += size;
      stored += sizes.length + body;
      yield { skip: body };
    }
  }
}

function* take(size: number): Wanting<Buffer> {
  const bytes = size === 0 ? new Uint8Array(0) : yield { take: size };
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
