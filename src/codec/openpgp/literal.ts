import { PACKET, packetBody, packetHeader, packetOf } from './packet-framing.ts';

/**
 * What a literal data packet says of its content (RFC 9580, section 5.9): binary, no file name, no date. Nothing vouches for these
 * fields, so nothing is told by them.
 */
const CONTENT_HEADER = Uint8Array.from([0x62, 0, 0, 0, 0, 0]);

/** What stands before a content of `size` bytes. */
export function literalHeader(size: number): Uint8Array {
  return Buffer.concat([packetHeader(PACKET.literal, CONTENT_HEADER.length + size), CONTENT_HEADER]);
}

/** The content of the one literal packet that `bytes` are; undefined where they are anything else. */
export function literalContent(bytes: Uint8Array): Uint8Array | undefined {
  const body = packetBody(PACKET.literal, bytes);
  if (body?.end !== bytes.length || bytes[body.start] !== CONTENT_HEADER[0]) return undefined;
  const content = body.start + 2 + (bytes[body.start + 1] ?? 0) + 4;
  return content <= bytes.length ? bytes.subarray(content) : undefined;
}

/** A literal packet of a content whose size is not known. */
export function literalOf(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  async function* body(): AsyncGenerator<Uint8Array> {
    yield CONTENT_HEADER;
    yield* content;
  }
  return packetOf(PACKET.literal, body());
}
