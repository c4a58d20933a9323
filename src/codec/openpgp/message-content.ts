import { createHash, type Hash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { createInflate, createInflateRaw } from 'node:zlib';
import { ByteReader } from './byte-reader.ts';
import { corrupt, nextPacket, type Packet, smallBody, TYPE, wholePacket } from './read-packets.ts';

/** A signature over a content that has been read, and the state of the hash that it is over. */
export interface FoundSignature {
  /** The packet's body. */
  readonly body: Buffer;
  /** Of the content, before what the signature itself adds; undefined where its algorithm was not announced. */
  readonly hash: Hash | undefined;
}

export interface MessageReading {
  /** Filled while the content is read; complete at its end. */
  readonly signatures: FoundSignature[];
  /** The packets inside of an encrypted one, given its body and the packets with its session key. */
  readonly open: (sessionKeys: readonly Uint8Array[], body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
}

/** Bounds of what is kept of a message. Signatures with certificates of notations stay far below. */
const MAX_SIGNATURES = 16;
const MAX_RECIPIENTS = 1024;
const MAX_SIGNATURE_BYTES = 64 * 1024;
/** Encrypted, then compressed. */
const MAX_DEPTH = 2;

/** Node's name of a hash algorithm (RFC 9580, section 9.5) that a signature may use today. */
const HASHES: Readonly<Record<number, string>> = {
  8: 'sha256',
  9: 'sha384',
  10: 'sha512',
  11: 'sha224',
  12: 'sha3-256',
  14: 'sha3-512',
};

/**
 * The content of a message: a literal packet, perhaps with signatures, perhaps compressed, perhaps encrypted, and nothing else. In bounded memory.
 * Nothing of it may be used before the iteration has ended. `object.corrupt` where it has another form.
 */
export async function* readContent(
  packets: AsyncIterable<Uint8Array>,
  reading: MessageReading,
  depth = 0,
): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(packets);
  const hashes = new Map<number, Hash>();
  const sessionKeys: Uint8Array[] = [];
  let done = false;
  const begin = (): void => {
    if (done || depth > MAX_DEPTH) throw corrupt('has a content where none belongs');
    done = true;
  };
  try {
    for (let packet = await nextPacket(reader); packet; packet = await nextPacket(reader)) {
      switch (packet.type) {
        case TYPE.onePassSignature:
          announce(await smallBody(packet, MAX_SIGNATURE_BYTES), hashes);
          break;
        case TYPE.signature:
          await takeSignature(packet, hashes, reading.signatures, done);
          break;
        case TYPE.literal:
          begin();
          yield* literalIn(packet, hashes);
          break;
        case TYPE.compressed:
          begin();
          yield* readContent(decompressed(packet), reading, depth + 1);
          break;
        case TYPE.sessionKey:
          if (sessionKeys.length >= MAX_RECIPIENTS) throw corrupt('has too many recipients');
          sessionKeys.push(await wholePacket(packet, MAX_SIGNATURE_BYTES));
          break;
        case TYPE.protectedData:
          begin();
          yield* readContent(reading.open(sessionKeys, packet.body), reading, depth + 1);
          break;
        case TYPE.passwordKey:
        case TYPE.marker:
        case TYPE.padding:
          await smallBody(packet, MAX_SIGNATURE_BYTES);
          break;
        default:
          throw corrupt(`has a packet of type ${packet.type} where none belongs`);
      }
    }
    if (!done) throw corrupt('has no content');
  } finally {
    await reader.close();
  }
}

/** Version 3 of a one-pass signature: version, type, hash, public key, key id, nested. Others make signatures that are not understood. */
function announce(body: Buffer, hashes: Map<number, Hash>): void {
  if (hashes.size >= MAX_SIGNATURES) throw corrupt('has too many signatures');
  const algorithm = body[2];
  if (body[0] === 3 && algorithm !== undefined) addHash(algorithm, hashes);
}

function addHash(algorithm: number, hashes: Map<number, Hash>): void {
  const name = HASHES[algorithm];
  if (name !== undefined && !hashes.has(algorithm)) hashes.set(algorithm, createHash(name));
}

async function takeSignature(
  packet: Packet,
  hashes: Map<number, Hash>,
  signatures: FoundSignature[],
  done: boolean,
): Promise<void> {
  if (signatures.length >= MAX_SIGNATURES) throw corrupt('has too many signatures');
  const body = await smallBody(packet, MAX_SIGNATURE_BYTES);
  const algorithm = body[3] ?? 0;
  // Before its content, as programs of old wrote it: then it announces itself.
  if (!done) addHash(algorithm, hashes);
  signatures.push({ body, hash: hashes.get(algorithm) });
}

/** Format, length and bytes of a file name, date; then the content. */
async function* literalIn({ body }: Packet, hashes: ReadonlyMap<number, Hash>): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(body);
  const [, nameLength = 0] = await reader.exactly(2);
  await reader.exactly(nameLength + 4);
  for (;;) {
    const piece = await reader.some(Number.POSITIVE_INFINITY);
    if (piece === undefined) return;
    for (const hash of hashes.values()) hash.update(piece);
    yield piece;
  }
}

async function* decompressed({ body }: Packet): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(body);
  const algorithm = (await reader.exactly(1))[0];
  async function* rest(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = await reader.some(Number.POSITIVE_INFINITY);
      if (piece === undefined) return;
      yield piece;
    }
  }
  if (algorithm === 0) {
    yield* rest();
    return;
  }
  if (algorithm !== 1 && algorithm !== 2) throw corrupt(`is compressed in a way that hoard cannot read (${algorithm})`);
  const inflate = algorithm === 1 ? createInflateRaw() : createInflate();
  let damage: unknown;
  inflate.once('error', (error) => {
    damage = error;
  });
  const piped = pipeline(rest(), inflate);
  piped.catch(() => undefined);
  try {
    for await (const piece of inflate) yield piece as Uint8Array;
    await piped;
  } catch (error) {
    throw error === damage && 'errno' in Object(error) ? corrupt('cannot be decompressed', error) : error;
  }
}
