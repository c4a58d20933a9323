import { createHash, timingSafeEqual } from 'node:crypto';
import { corrupt } from './read-packets.ts';

/**
 * The packet that ends a sealed message, as encrypted WAL is (seal-message.ts): the SHA-256 of all stored bytes before it, so that whoever
 * has no key can tell whether the message is whole. By hand: `head -c -40 FILE | sha256sum` and `tail -c 32 FILE`. It finds damage, not forgery: that is for signatures.
 *
 * Its type is one of those for private use that every reader passes over (RFC 9580, sections 4.3 and 5: 40 to 63 are not critical, 60 to 63
 * private); GnuPG does. Its body is a name, so that nobody else's packet is taken for it, and the hash.
 */
const HEADER = Buffer.concat([Buffer.from([0xc0 | 60, 38]), Buffer.from('sha256', 'ascii')]);
const HASH_BYTES = 32;

/** Bytes that it adds to a message. */
export const CLOSING_SUM_BYTES = HEADER.length + HASH_BYTES;

/** `absent`: a message of another program, one of a hoard before there was a sum, or one that was cut exactly before it. */
export type ClosingSum = 'fits' | 'differs' | 'absent';

export async function* withClosingSum(message: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const piece of message) {
    hash.update(piece);
    yield piece;
  }
  yield Buffer.concat([HEADER, hash.digest()]);
}

/**
 * The message without its closing sum, where it has one; `object.corrupt` at the end where it does not fit. Where there is none all bytes come:
 * what is whole by its own integrity protection is not refused for that.
 */
export async function* checkClosingSum(stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const seen = yield* beforeTail(stored);
  const sum = judge(seen);
  if (sum === 'differs') throw corrupt('has other bytes than the SHA-256 at its end says');
  if (sum === 'absent' && seen.tail.length > 0) yield seen.tail;
}

/** Reads all stored bytes; needs no key. */
export async function readClosingSum(stored: AsyncIterable<Uint8Array>): Promise<ClosingSum> {
  const bytes = beforeTail(stored);
  for (;;) {
    const step = await bytes.next();
    if (step.done === true) return judge(step.value);
  }
}

interface Seen {
  /** SHA-256 of everything before the tail. */
  readonly hash: Uint8Array;
  readonly tail: Buffer;
}

/** All but the last bytes, which may be the sum. */
async function* beforeTail(stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, Seen> {
  const hash = createHash('sha256');
  let tail: Buffer = Buffer.alloc(0);
  for await (const piece of stored) {
    const known = tail.length + piece.byteLength - CLOSING_SUM_BYTES;
    if (known <= 0) {
      tail = Buffer.concat([tail, piece]);
      continue;
    }
    const held = tail.subarray(0, known);
    const given = piece.subarray(0, Math.max(0, known - held.length));
    // A copy of a few bytes: whoever gave the piece may use its memory again.
    tail = Buffer.concat([tail.subarray(held.length), piece.subarray(given.length)]);
    for (const part of [held, given]) {
      if (part.length === 0) continue;
      hash.update(part);
      yield part;
    }
  }
  return { hash: hash.digest(), tail };
}

function judge({ hash, tail }: Seen): ClosingSum {
  if (tail.length < CLOSING_SUM_BYTES || !tail.subarray(0, HEADER.length).equals(HEADER)) return 'absent';
  return timingSafeEqual(hash, tail.subarray(HEADER.length)) ? 'fits' : 'differs';
}
