import {
  type Cipheriv,
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  type Decipheriv,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { Failure } from '../../domain/failure.ts';
import { literalContent, literalHeader } from './literal.ts';
import type { OpenedSessionKey } from './open-session-key.ts';
import { PACKET, packetBody, packetHeader, packetOf } from './packet-framing.ts';

/**
 * The packet that holds encrypted content: "Symmetrically Encrypted and Integrity Protected Data", version 1 (RFC 9580, section 5.13.1),
 * with AES-256. GnuPG reads no newer version. By node:crypto, which does twice what the openpgp package does with the
 * same packet (ARCHITECTURE.md has the figures); keys, session keys and signatures are the package's.
 *
 * The plain form is a random block whose last two bytes are repeated, the content's packets, and a packet with the SHA-1 over all before it:
 * it is what makes a changed byte show. (Of SHA-1 only that is asked; whoever does not have the key cannot compute it.)
 */
const VERSION = Uint8Array.from([1]);
/** Of everything that hoard writes. */
export const CIPHER = 'aes-256-cfb';
const BLOCK_BYTES = 16;
const PREFIX_BYTES = BLOCK_BYTES + 2;
/** Packet type 19 with a body of 20 bytes. */
const DIGEST_HEADER = Uint8Array.from([0xd3, 0x14]);
const DIGEST_BYTES = 20;
const NO_IV = new Uint8Array(BLOCK_BYTES);

/** Bytes of an AES-256 key. */
export const SESSION_KEY_BYTES = 32;

/** Of content in memory: one packet with a literal packet inside. Synchronous: for worker threads. */
export function encryptContent(sessionKey: Uint8Array, content: Uint8Array): Uint8Array {
  const cipher = cipherOf(sessionKey);
  const digest = createHash('sha1');
  const before = Buffer.concat([newPrefix(), literalHeader(content.byteLength)]);
  const header = packetHeader(
    PACKET.protectedData,
    VERSION.length + before.length + content.byteLength + DIGEST_HEADER.length + DIGEST_BYTES,
  );
  digest.update(before).update(content).update(DIGEST_HEADER);
  return Buffer.concat([
    header,
    VERSION,
    cipher.update(before),
    cipher.update(content),
    cipher.update(DIGEST_HEADER),
    cipher.update(digest.digest()),
  ]);
}

/** The content of a packet that encryptContent made. `object.corrupt` where it is anything else, or of another key. Synchronous. */
export function decryptContent(sessionKey: Uint8Array, packet: Uint8Array): Uint8Array {
  const body = packetBody(PACKET.protectedData, packet);
  if (body?.end !== packet.length || packet[body.start] !== VERSION[0]) throw corrupt('is not one of hoard');
  const sealed = packet.subarray(body.start + VERSION.length);
  const smallest = PREFIX_BYTES + DIGEST_HEADER.length + DIGEST_BYTES;
  if (sealed.length < smallest) throw corrupt('is cut');
  const plain = decipherOf(CIPHER, sessionKey).update(sealed);
  const digestAt = plain.length - DIGEST_BYTES;
  const digest = createHash('sha1').update(plain.subarray(0, digestAt)).digest();
  const contentEnd = digestAt - DIGEST_HEADER.length;
  const fits =
    timingSafeEqual(digest, plain.subarray(digestAt)) &&
    DIGEST_HEADER.every((byte, at) => plain[contentEnd + at] === byte);
  const content = literalContent(plain.subarray(PREFIX_BYTES, contentEnd));
  if (fits && content) return content;
  throw corrupt('does not fit its checksum: it is damaged, or encrypted with another key');
}

/** Of packets whose length is not known: one packet, in bounded memory. */
export function encryptStream(sessionKey: Uint8Array, packets: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  return packetOf(PACKET.protectedData, sealedBody(sessionKey, packets));
}

/** The header of a packet with `size` bytes of packets inside, and how long the whole packet is. */
export function sizedHeader(size: number): { readonly header: Uint8Array; readonly packetSize: number } {
  const bodySize = VERSION.length + PREFIX_BYTES + size + DIGEST_HEADER.length + DIGEST_BYTES;
  const header = packetHeader(PACKET.protectedData, bodySize);
  return { header, packetSize: header.length + bodySize };
}

/** What comes behind the header of a packet. */
export async function* sealedBody(
  sessionKey: Uint8Array,
  packets: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const cipher = cipherOf(sessionKey);
  const digest = createHash('sha1');
  const encrypt = (plain: Uint8Array): Uint8Array => {
    digest.update(plain);
    return cipher.update(plain);
  };
  yield VERSION;
  yield encrypt(newPrefix());
  for await (const piece of packets) yield encrypt(piece);
  yield encrypt(DIGEST_HEADER);
  yield cipher.update(digest.digest());
}

/**
 * The packets inside of a packet's body, in bounded memory, from GnuPG too. They flow before the checksum at their end was compared: nothing of
 * them may be used before the iteration has ended. `object.corrupt`.
 */
export async function* decryptStream(
  { cipher, sessionKey }: OpenedSessionKey,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const decipher = decipherOf(cipher, sessionKey);
  const digest = createHash('sha1');
  const tailBytes = DIGEST_HEADER.length + DIGEST_BYTES;
  let version: number | undefined;
  let skip = PREFIX_BYTES;
  // The last bytes seen are kept back: they may be the checksum.
  let tail: Buffer = Buffer.alloc(0);
  for await (const piece of body) {
    if (piece.byteLength === 0) continue;
    const sealed = version === undefined ? piece.subarray(1) : piece;
    version ??= piece[0];
    if (version !== VERSION[0]) throw corrupt(`of version ${version} cannot be read by this version of hoard`);
    const plain = Buffer.concat([tail, decipher.update(sealed)]);
    const end = Math.max(0, plain.length - tailBytes);
    tail = plain.subarray(end);
    const known = plain.subarray(0, end);
    digest.update(known);
    const from = Math.min(skip, known.length);
    skip -= from;
    if (from < known.length) yield known.subarray(from);
  }
  if (skip > 0 || tail.length < tailBytes) throw corrupt('is cut');
  const header = tail.subarray(0, DIGEST_HEADER.length);
  digest.update(header);
  const fits = timingSafeEqual(digest.digest(), tail.subarray(DIGEST_HEADER.length));
  if (!fits || !DIGEST_HEADER.every((byte, at) => header[at] === byte))
    throw corrupt('does not fit its checksum: it is damaged');
}

/**
 * Node 24.21 looks whether a key of plain bytes is a key object by an error that it throws and catches, stack trace and all: 25 microseconds
 * in a loop that does nothing else, and more in a worker thread, where encrypted chunks went from 0.79 to 0.82 of the speed of others without it. A key
 * object is known at once.
 */
const cipherOf = (sessionKey: Uint8Array): Cipheriv => createCipheriv(CIPHER, createSecretKey(sessionKey), NO_IV);
const decipherOf = (cipher: string, sessionKey: Uint8Array): Decipheriv =>
  createDecipheriv(cipher, createSecretKey(sessionKey), NO_IV);

function newPrefix(): Uint8Array {
  const prefix = randomBytes(PREFIX_BYTES);
  prefix.copyWithin(BLOCK_BYTES, BLOCK_BYTES - 2, BLOCK_BYTES);
  return prefix;
}

const corrupt = (what: string): Failure =>
  new Failure('object.corrupt', { message: `an encrypted OpenPGP packet ${what}` });
