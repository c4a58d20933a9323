import { crc32 } from 'node:zlib';
import { corrupt } from './xz-corrupt.ts';

/** The next bytes, to look at or to pass over: what the walker of a form asks for. */
export type Want =
  | { readonly take: number; readonly skip?: undefined }
  | { readonly skip: number; readonly take?: undefined };

/** A part of a form, which asks for bytes and gives a result. */
export type Wanting<T> = Generator<Want, T, Uint8Array>;

/** A number has at most nine bytes (.xz file format, 1.2). */
const MAX_NUMBER_BYTES = 9;

/** Fields of an .xz stream that end in zeros and their CRC32: the header of a block, and the index. */
export class SummedFields {
  #bytes = 0;
  #sum = 0;

  /** How many there were, with the checksum after `end`. */
  get bytes(): number {
    return this.#bytes;
  }

  add(given: Uint8Array): void {
    this.#bytes += given.length;
    this.#sum = crc32(given, this.#sum);
  }

  *take(size: number): Wanting<Uint8Array> {
    const given = yield { take: size };
    this.add(given);
    return given;
  }

  /** Seven bits a byte, the lowest first; in one way only. */
  *number(): Wanting<number> {
    let value = 0;
    for (let index = 0; index < MAX_NUMBER_BYTES; index += 1) {
      const [byte = 0] = yield* this.take(1);
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte >= 0x80) continue;
      if ((byte === 0 && index > 0) || !Number.isSafeInteger(value)) break;
      return value;
    }
    throw corrupt('has a broken number');
  }

  /** Zeros until there are `size` bytes, and the checksum of them all. */
  *end(size: number): Wanting<void> {
    if (this.#bytes > size) throw corrupt('has fields that are longer than they say');
    while (this.#bytes < size) if ((yield* this.take(1))[0] !== 0) throw corrupt('has damaged padding');
    const sum = yield { take: 4 };
    if (Buffer.from(sum).readUInt32LE() !== this.#sum) throw corrupt('has fields with a wrong checksum');
    this.#bytes += 4;
  }
}
