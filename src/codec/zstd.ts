import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, createZstdCompress, createZstdDecompress, zstdDecompress } from 'node:zlib';
import type { Codec } from './codec.ts';
import { ZstdEncoders } from './zstd-encoders.ts';
import { corrupt, ZstdFrameWalker } from './zstd-frame.ts';

const decompress = promisify(zstdDecompress);

/** Pieces that the streams give: bigger ones cost fewer steps, smaller ones less memory. */
const STREAM_PIECE = 128 * 1024;

/**
 * Zstandard by the zlib of Node. Every frame is written with its content checksum (XXH64), so that each flipped bit is found even where
 * nobody holds a hash. `level` 1 to 22. Never with nbWorkers: streaming with it loses data in Node 24.21.
 */
export function zstdCodec(level: number): Codec {
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
  const encoders = new ZstdEncoders(params);
  return {
    name: 'zstd',
    encode: async (plain) => firstFrame(await encoders.encode(plain)),
    decode,
    encodeStream: (plain) => encodeStream(plain, params),
    decodeStream,
  };
}

/**
 * zlib of Node 24.21 finishes a frame twice, so that an empty second one follows, where the first fills its buffer exactly, and where a
 * stream is ended while its last piece still waits. What follows the first frame is therefore cut off.
 */
function firstFrame(bytes: Uint8Array): Uint8Array {
  const walker = new ZstdFrameWalker();
  const length = walker.take(bytes);
  walker.finish();
  return bytes.subarray(0, length);
}

async function* encodeStream(
  plain: AsyncIterable<Uint8Array>,
  params: Record<number, number>,
): AsyncGenerator<Uint8Array> {
  const walker = new ZstdFrameWalker();
  for await (const piece of through(plain, createZstdCompress({ params, chunkSize: STREAM_PIECE }))) {
    const length = walker.take(piece);
    if (length > 0) yield piece.subarray(0, length);
  }
  walker.finish();
}

async function decode(frame: Uint8Array, plainSize: number): Promise<Uint8Array> {
  const walker = new ZstdFrameWalker();
  walker.feed(frame);
  walker.finish();
  let plain: Uint8Array;
  try {
    plain = await decompress(frame, { maxOutputLength: Math.max(plainSize, 1), chunkSize: bufferFor(plainSize) });
  } catch (error) {
    throw corrupt(`of ${frame.length} bytes cannot be decoded to ${plainSize} bytes`, error);
  }
  if (plain.length === plainSize) return plain;
  throw corrupt(`of ${frame.length} bytes gives ${plain.length} bytes, not ${plainSize}`);
}

/** One buffer for the whole result, with room to spare in both directions: ZSTD_COMPRESSBOUND of zstd.h, and zlib's smallest buffer of 64. */
const bufferFor = (size: number): number => size + Math.ceil(size / 256) + 256;

async function* decodeStream(frame: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const walker = new ZstdFrameWalker();
  async function* watched(): AsyncGenerator<Uint8Array> {
    for await (const piece of frame) {
      walker.feed(piece);
      yield piece;
    }
    walker.finish();
  }
  // Errors of the source pass through as they are; only zlib's own say that the frame is damaged.
  const transform = createZstdDecompress({ chunkSize: STREAM_PIECE });
  let damage: unknown;
  transform.once('error', (error) => {
    damage = error;
  });
  try {
    yield* through(watched(), transform);
  } catch (error) {
    throw error === damage && 'errno' in Object(error) ? corrupt('cannot be decoded', error) : error;
  }
}

type ZlibStream = ReturnType<typeof createZstdCompress> | ReturnType<typeof createZstdDecompress>;

async function* through(source: AsyncIterable<Uint8Array>, transform: ZlibStream): AsyncGenerator<Uint8Array> {
  const piped = pipeline(source, transform);
  // An error of either side destroys the transform, so the loop below throws it; this one is the same error again.
  piped.catch(() => undefined);
  for await (const piece of transform) yield piece as Uint8Array;
  await piped;
}
