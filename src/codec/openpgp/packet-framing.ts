/** Packet types (RFC 9580, section 5) that hoard writes itself. */
export const PACKET = { literal: 11, protectedData: 18 } as const;

const NEW_FORMAT = 0b1100_0000;

/** Power of two: bodies of unknown length are cut at this many bytes (2^16). */
const PART_BYTES = 65_536;
/** One octet of 224 + n says that the next part has 2^n bytes and is not the last (RFC 9580, section 4.2.1.4). */
const PART_LENGTH = 224 + 16;

/** The header of a packet of the OpenPGP format whose body has `length` bytes. */
export function packetHeader(type: number, length: number): Uint8Array {
  return Uint8Array.from([NEW_FORMAT | type, ...lengthOctets(length)]);
}

/** One, two or five octets (RFC 9580, section 4.2.1). */
function lengthOctets(length: number): readonly number[] {
  if (length < 192) return [length];
  if (length < 8384) return [((length - 192) >> 8) + 192, (length - 192) & 0xff];
  return [0xff, length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff];
}

/** Where the body of the packet at the beginning of `bytes` lies; undefined where no packet of that type with a known length begins there. */
export function packetBody(
  type: number,
  bytes: Uint8Array,
): { readonly start: number; readonly end: number } | undefined {
  const [tag, first, second = 0, third = 0, fourth = 0, fifth = 0] = bytes;
  if (tag !== (NEW_FORMAT | type) || first === undefined) return undefined;
  const body = (start: number, length: number) => ({ start, end: start + length });
  if (first < 192) return body(2, first);
  if (first < 224) return body(3, ((first - 192) << 8) + second + 192);
  if (first < 0xff) return undefined;
  return body(6, second * 2 ** 24 + ((third << 16) | (fourth << 8) | fifth));
}

/** A packet whose body's length is not known when it begins, in pieces of some 64 KiB. */
export async function* packetOf(type: number, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  let begun = false;
  for await (const piece of body) {
    waiting.push(piece);
    size += piece.byteLength;
    if (size < PART_BYTES) continue;
    const joined = Buffer.concat(waiting);
    let at = 0;
    for (; size - at >= PART_BYTES; at += PART_BYTES) {
      yield Buffer.from(begun ? [PART_LENGTH] : [NEW_FORMAT | type, PART_LENGTH]);
      begun = true;
      yield joined.subarray(at, at + PART_BYTES);
    }
    waiting = [joined.subarray(at)];
    size -= at;
  }
  const rest = Buffer.concat(waiting);
  yield begun ? Uint8Array.from(lengthOctets(size)) : packetHeader(type, size);
  if (size > 0) yield rest;
}
