import { Failure } from '../../domain/failure.ts';
import type { ByteReader } from './byte-reader.ts';
import { packetHeader } from './packet-framing.ts';

/** Packet types that are met in messages (RFC 9580, section 5). */
export const TYPE = {
  sessionKey: 1,
  signature: 2,
  passwordKey: 3,
  onePassSignature: 4,
  compressed: 8,
  marker: 10,
  literal: 11,
  protectedData: 18,
  padding: 21,
} as const;

/** A packet as it comes: its body must be read to its end before the next is asked for. */
export interface Packet {
  readonly type: number;
  readonly body: AsyncGenerator<Uint8Array, void>;
}

const PIECE_BYTES = 128 * 1024;

/**
 * The next packet, with headers of both formats that GnuPG writes (RFC 9580, section 4.2), of known, partial and, in the old format, of no
 * length. Undefined at the end. `object.corrupt` where no packet begins; while the body is read, where it is cut.
 */
export async function nextPacket(reader: ByteReader): Promise<Packet | undefined> {
  const tag = await reader.byte();
  if (tag === undefined) return undefined;
  if ((tag & 0x80) === 0) throw corrupt('has no packet where one should begin');
  if ((tag & 0x40) !== 0) return { type: tag & 0x3f, body: newBody(reader) };
  return { type: (tag >> 2) & 0x0f, body: oldBody(reader, tag & 0x03) };
}

/** The whole body of a packet that is known to be small: `object.corrupt` above `limit` bytes. */
export async function smallBody({ body }: Packet, limit: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.byteLength;
    if (size > limit) throw corrupt(`has a packet of more than ${limit} bytes where a small one belongs`);
    // A copy: whoever gave the piece may use its memory again.
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces);
}

/** As smallBody, with a header of its own. */
export async function wholePacket(packet: Packet, limit: number): Promise<Buffer> {
  const body = await smallBody(packet, limit);
  return Buffer.concat([packetHeader(packet.type, body.length), body]);
}

async function* newBody(reader: ByteReader): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const first = (await reader.exactly(1))[0] ?? 0;
    if (first >= 224 && first < 255) {
      yield* take(reader, 2 ** (first & 0x1f));
      continue;
    }
    yield* take(reader, await lengthAfter(reader, first));
    return;
  }
}

async function lengthAfter(reader: ByteReader, first: number): Promise<number> {
  if (first < 192) return first;
  if (first < 224) return ((first - 192) << 8) + ((await reader.exactly(1))[0] ?? 0) + 192;
  return bigEndian(await reader.exactly(4));
}

async function* oldBody(reader: ByteReader, lengthType: number): AsyncGenerator<Uint8Array, void> {
  if (lengthType < 3) {
    yield* take(reader, bigEndian(await reader.exactly(2 ** lengthType)));
    return;
  }
  for (;;) {
    const piece = await reader.some(PIECE_BYTES);
    if (piece === undefined) return;
    yield piece;
  }
}

async function* take(reader: ByteReader, length: number): AsyncGenerator<Uint8Array, void> {
  for (let left = length; left > 0; ) {
    const piece = await reader.some(Math.min(left, PIECE_BYTES));
    if (piece === undefined) throw corrupt('is cut');
    left -= piece.byteLength;
    yield piece;
  }
}

const bigEndian = (bytes: Uint8Array): number => bytes.reduce((value, byte) => value * 256 + byte, 0);

/** `what` goes on after "an OpenPGP message …". */
export const corrupt = (what: string, cause?: unknown): Failure =>
  new Failure('object.corrupt', { message: `an OpenPGP message ${what}`, ...(cause !== undefined && { cause }) });
