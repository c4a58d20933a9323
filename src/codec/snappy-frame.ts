import { Failure } from '../domain/failure.ts';
import { PieceReader } from './piece-reader.ts';

/**
 * The outer form of a Snappy stream (framing_format.txt of google/snappy): an identifier, then chunks of a type (1 byte), a length
 * (3 bytes, little-endian) and a body. Chunks of data begin with a checksum of the plain content.
 */
export const IDENTIFIER: Uint8Array = Buffer.from('ff060000734e61507059', 'hex');

/** Plain content of one chunk, at most; what other writers than ours cut at, too. */
export const BLOCK_BYTES = 65_536;
/** The longest that Snappy makes of a block (snappy.cc, MaxCompressedLength): longer bodies come from no writer. */
const MAX_COMPRESSED = 32 + BLOCK_BYTES + Math.floor(BLOCK_BYTES / 6);

const HEADER_BYTES = 4;
const CHECKSUM_BYTES = 4;

const COMPRESSED = 0x00;
const UNCOMPRESSED = 0x01;
/** Up to here are reserved for chunks that a reader must not pass over; above, up to padding (0xfe), for such that it must. */
const LAST_UNSKIPPABLE = 0x7f;
const STREAM_IDENTIFIER = 0xff;

/** A chunk of data, not yet decoded. */
export interface DataChunk {
  readonly compressed: boolean;
  readonly body: Uint8Array;
  /** Bytes of plain content, as the chunk says: at most BLOCK_BYTES. */
  readonly plainSize: number;
  /** Masked CRC-32C of the plain content. */
  readonly checksum: number;
}

/** The bytes before a chunk's body. A block that does not shrink by an eighth is to be stored as it is, as the format advises. */
export function chunkHeader(chunk: Pick<DataChunk, 'compressed' | 'body' | 'checksum'>): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES + CHECKSUM_BYTES);
  header.writeUInt8(chunk.compressed ? COMPRESSED : UNCOMPRESSED, 0);
  header.writeUIntLE(chunk.body.length + CHECKSUM_BYTES, 1, 3);
  header.writeUInt32LE(chunk.checksum, HEADER_BYTES);
  return header;
}

/** A checksum of data that holds checksums is weak, so the format stores it turned and shifted. */
export function maskChecksum(crc32c: number): number {
  return (((crc32c >>> 15) | (crc32c << 17)) + 0xa282_ead8) >>> 0;
}

/** The chunks of data of exactly one stream. Throws `object.corrupt` where its form is broken. */
export async function* dataChunks(source: AsyncIterable<Uint8Array>): AsyncGenerator<DataChunk> {
  await using reader = new PieceReader(source);
  const identifier = await reader.upTo(IDENTIFIER.length);
  if (Buffer.compare(identifier, IDENTIFIER) !== 0) throw corrupt('does not begin like one');
  for (;;) {
    const [type, a, b, c] = await reader.upTo(HEADER_BYTES);
    if (type === undefined) return;
    if (a === undefined || b === undefined || c === undefined) throw corrupt('is cut');
    const length = a | (b << 8) | (c << 16);
    if (type === COMPRESSED || type === UNCOMPRESSED) yield await dataChunk(reader, type === COMPRESSED, length);
    else if (type === STREAM_IDENTIFIER) throw corrupt('is followed by another');
    else if (type <= LAST_UNSKIPPABLE) throw corrupt(`has a chunk of the unknown type ${type}`);
    else if (!(await reader.skip(length))) throw corrupt('is cut');
  }
}

async function dataChunk(reader: PieceReader, compressed: boolean, length: number): Promise<DataChunk> {
  const size = length - CHECKSUM_BYTES;
  if (size < 0 || size > (compressed ? MAX_COMPRESSED : BLOCK_BYTES)) throw corrupt(`has a chunk of ${length} bytes`);
  const bytes = await reader.upTo(length);
  if (bytes.length < length) throw corrupt('is cut');
  const body = bytes.subarray(CHECKSUM_BYTES);
  const plainSize = compressed ? declaredSize(body) : size;
  if (plainSize > BLOCK_BYTES) throw corrupt(`has a chunk that would give ${plainSize} bytes`);
  const checksum = Buffer.from(bytes.buffer, bytes.byteOffset, CHECKSUM_BYTES).readUInt32LE();
  return { compressed, body, plainSize, checksum };
}

/** A compressed block begins with its plain size: seven bits a byte, the lowest first. Five bytes hold 32 bits. */
function declaredSize(body: Uint8Array): number {
  let size = 0;
  for (const [index, byte] of body.subarray(0, 5).entries()) {
    size += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return size;
  }
  throw corrupt('has a chunk without a size');
}

/** `what` goes on after "a snappy frame …". */
export function corrupt(what: string, cause?: unknown): Failure {
  return new Failure('object.corrupt', { message: `a snappy frame ${what}`, ...(cause !== undefined && { cause }) });
}
