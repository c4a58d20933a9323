import type { Codec } from './codec.ts';
import { memoised } from './memoised.ts';
import { collect, once } from './pieces.ts';
import { Slots } from './slots.ts';
import { corrupt } from './xz-corrupt.ts';
import { XzWalker } from './xz-frame.ts';

/** Frames at the same time, as for zstd. By xz(1) an encoder needs 3 MiB at preset 0, 94 MiB at 6 and 674 MiB at 9. */
const ENCODERS = 2;

/**
 * LZMA2 in the .xz format. Every block ends in a CRC64 of its content, and the walker holds the rest of the form against its own checksums,
 * so that each flipped bit is found. `preset` 0 to 9, as `xz` has them. Runs on threads of the library.
 */
export function xzCodec(preset: number): Codec {
  const encoders = new Slots(ENCODERS);
  return {
    name: 'lzma',
    encode: async (plain) => encoders.run(async () => Buffer.concat(await collect(encodeStream(once(plain), preset)))),
    decode,
    encodeStream: (plain) => encodeStream(plain, preset),
    decodeStream,
  };
}

async function* encodeStream(plain: AsyncIterable<Uint8Array>, preset: number): AsyncGenerator<Uint8Array> {
  const { xz } = await library();
  yield* through(
    plain,
    (input) => xz.compressStream(input, { preset }),
    (error) => error,
  );
}

async function decode(frame: Uint8Array, plainSize: number): Promise<Uint8Array> {
  const walker = new XzWalker();
  walker.feed(frame);
  walker.finish();
  const { plainBytes } = walker;
  if (plainBytes !== plainSize) throw corrupt(`of ${frame.length} bytes gives ${plainBytes} bytes, not ${plainSize}`);
  // The one-shot call of the library lets its buffer grow to twice the size.
  const plain = Buffer.allocUnsafe(plainSize);
  let size = 0;
  for await (const piece of decodeStream(once(frame))) {
    plain.set(piece, size);
    size += piece.length;
  }
  if (size === plainSize) return plain;
  throw corrupt(`of ${frame.length} bytes gives ${size} bytes, not ${plainSize}`);
}

async function* decodeStream(frame: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { xz } = await library();
  const walker = new XzWalker();
  async function* watched(): AsyncGenerator<Uint8Array> {
    for await (const piece of frame) {
      walker.feed(piece);
      yield piece;
    }
    walker.finish();
  }
  yield* through(
    watched(),
    (input) => xz.decompressStream(input),
    (error) => corrupt('cannot be decoded', error),
  );
  walker.finish();
}

/**
 * A stream through one of the library's, which neither passes on the source's error as it is nor closes the source when it is cancelled.
 * Errors of its own become what `failed` makes of them.
 */
async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: (input: ReadableStream<Uint8Array>) => ReadableStream<Uint8Array>,
  failed: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array> {
  const pieces = source[Symbol.asyncIterator]();
  let broken: { readonly error: unknown } | undefined;
  const input = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const next = await pieces.next();
          if (next.done === true) controller.close();
          else controller.enqueue(next.value);
        } catch (error) {
          broken = { error };
          controller.error(error);
        }
      },
    },
    // Read when the library asks, not before.
    { highWaterMark: 0 },
  );
  try {
    yield* transform(input);
  } catch (error) {
    throw broken ? broken.error : failed(error);
  } finally {
    await pieces.return?.();
  }
}

/** Loaded when it is needed first: most processes never meet it. */
const library = memoised(() => import('@napi-rs/lzma'));
