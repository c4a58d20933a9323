import { constants, createZstdCompress } from 'node:zlib';

/**
 * Frames at the same time. More only push each other out of the caches and hold the threads of libuv's pool that files need: with 2, 3 and 4
 * on two cores a backup took the same time, and 2 the least processor time. Each holds some 4 MiB.
 */
const ENCODERS = 2;

/** What an encoder writes its frames into, one behind the other. A whole frame of a chunk (1 MiB) fits, so that zstd can write it directly. */
const OUTPUT_BYTES = 1024 * 1024 + 8 * 1024;

/**
 * Compresses buffers to frames with a few contexts that are kept. zlib's one-shot call makes a context and a whole output buffer for each
 * frame: page faults, and a garbage collection every 20 chunks, a fifth of the processor time of a backup.
 */
export class ZstdEncoders {
  readonly #idle: ZstdEncoder[];
  readonly #waiting: ((encoder: ZstdEncoder) => void)[] = [];

  constructor(params: Record<number, number>) {
    this.#idle = Array.from({ length: ENCODERS }, () => new ZstdEncoder(params));
  }

  /** One frame, with the size of its content in its header; zlib may append an empty second one. The buffer must not change meanwhile. */
  async encode(plain: Uint8Array): Promise<Uint8Array> {
    const encoder = this.#idle.pop() ?? (await new Promise<ZstdEncoder>((resolve) => this.#waiting.push(resolve)));
    try {
      return await encoder.encode(plain);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(encoder);
      else this.#idle.push(encoder);
    }
  }
}

type ZstdStream = ReturnType<typeof createZstdCompress>;

/** A stream of zlib for which every write is one frame. Made when it is needed first, and again after an error. */
class ZstdEncoder {
  readonly #params: Record<number, number>;
  #stream: ZstdStream | undefined;
  #pieces: Buffer[] = [];

  constructor(params: Record<number, number>) {
    this.#params = params;
  }

  async encode(plain: Uint8Array): Promise<Uint8Array> {
    const stream = this.#stream?.destroyed === false ? this.#stream : this.#open();
    await new Promise<void>((resolve, reject) => {
      stream.write(plain, (error) => (error ? reject(error) : resolve()));
    });
    const pieces = this.#pieces;
    this.#pieces = [];
    const [only] = pieces;
    return only && pieces.length === 1 ? only : Buffer.concat(pieces);
  }

  #open(): ZstdStream {
    // Ending with each write, zstd knows the whole content when it begins: it notes its size, fits its window to it, and does not copy it.
    const stream = createZstdCompress({ params: this.#params, flush: constants.ZSTD_e_end, chunkSize: OUTPUT_BYTES });
    this.#pieces = [];
    stream.on('data', (piece: Buffer) => this.#pieces.push(piece));
    // The write that failed rejects with it.
    stream.on('error', () => undefined);
    this.#stream = stream;
    return stream;
  }
}
