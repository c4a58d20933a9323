import type { Codec } from './codec.ts';
import { memoised } from './memoised.ts';
import { PieceReader } from './piece-reader.ts';
import { once } from './pieces.ts';
import {
  BLOCK_BYTES,
  chunkHeader,
  corrupt,
  type DataChunk,
  dataChunks,
  IDENTIFIER,
  maskChecksum,
} from './snappy-frame.ts';

/** Blocks on the thread pool at the same time: the 16 of a chunk of 1 MiB. */
const BLOCKS_AT_ONCE = 16;

/** Buffers of the library's own cost a page fault every 4 KiB, five times the processor time of compressing. */
const COPIED = { copyOutputData: true } as const;

/**
 * Snappy in its standard framing format, every block with its CRC-32C. The format has no end: a stream that is cut between two chunks, or has
 * lost one to a flipped bit that makes it a chunk to pass over, is a valid shorter stream. `decode` refuses it by its size; who reads
 * by `decodeStream` must know the size or hash of the content.
 */
export const snappyCodec: Codec = {
  name: 'snappy',
  encode: async (plain) => {
    const parts = [IDENTIFIER];
    for await (const chunks of encodedChunks(once(plain))) parts.push(...chunks);
    return Buffer.concat(parts);
  },
  decode,
  encodeStream,
  decodeStream,
};

async function* encodeStream(plain: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let start = [IDENTIFIER];
  for await (const chunks of encodedChunks(plain)) {
    yield Buffer.concat([...start, ...chunks]);
    start = [];
  }
  // There was nothing.
  yield* start;
}

async function* encodedChunks(plain: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Uint8Array[]> {
  await using reader = new PieceReader(plain);
  for (;;) {
    const bytes = await reader.upTo(BLOCKS_AT_ONCE * BLOCK_BYTES);
    if (bytes.length === 0) return;
    const blocks = Array.from({ length: Math.ceil(bytes.length / BLOCK_BYTES) }, (_, index) =>
      bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES),
    );
    yield (await Promise.all(blocks.map(encodeBlock))).flat();
  }
}

async function encodeBlock(plain: Uint8Array): Promise<readonly Uint8Array[]> {
  const { compress, checksumOf } = await library();
  const short = await compress(plain, COPIED);
  const compressed = short.length < plain.length - plain.length / 8;
  const body = compressed ? short : plain;
  return [chunkHeader({ compressed, body, checksum: checksumOf(plain) }), body];
}

async function decode(frame: Uint8Array, plainSize: number): Promise<Uint8Array> {
  // What the chunks say they hold is looked at before anything is allocated for it.
  let declared = 0;
  for await (const chunk of dataChunks(once(frame))) declared += chunk.plainSize;
  if (declared !== plainSize) throw corrupt(`of ${frame.length} bytes gives ${declared} bytes, not ${plainSize}`);
  const plain = Buffer.allocUnsafe(plainSize);
  let size = 0;
  for await (const block of decodeStream(once(frame))) {
    plain.set(block, size);
    size += block.length;
  }
  return plain;
}

async function* decodeStream(frame: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let chunks: DataChunk[] = [];
  for await (const chunk of dataChunks(frame)) {
    chunks.push(chunk);
    if (chunks.length < BLOCKS_AT_ONCE) continue;
    yield* await Promise.all(chunks.map(decodeBlock));
    chunks = [];
  }
  yield* await Promise.all(chunks.map(decodeBlock));
}

async function decodeBlock({ compressed, body, plainSize, checksum }: DataChunk): Promise<Uint8Array> {
  const { uncompress, checksumOf } = await library();
  let plain: Uint8Array = body;
  if (compressed) {
    try {
      plain = Buffer.from(await uncompress(body, { ...COPIED, asBuffer: true }));
    } catch (error) {
      throw corrupt('cannot be decoded', error);
    }
  }
  if (plain.length !== plainSize || checksumOf(plain) !== checksum) throw corrupt('has a chunk with a wrong checksum');
  return plain;
}

/** Loaded when it is needed first: most processes never meet Snappy, and the shim of WAL starts in milliseconds. */
const library = memoised(async () => {
  const [{ compress, uncompress }, { crc32c }] = await Promise.all([import('snappy'), import('@node-rs/crc32')]);
  return { compress, uncompress, checksumOf: (bytes: Uint8Array) => maskChecksum(crc32c(bytes)) };
});
