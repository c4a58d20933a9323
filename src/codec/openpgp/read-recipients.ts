import { ByteReader } from './byte-reader.ts';
import { corrupt, nextPacket, smallBody, TYPE } from './read-packets.ts';

/** Version 3 of the packet, which GnuPG and hoard write: version, key id, algorithm and what it needs (RFC 9580, section 5.1.1). */
const VERSION = 3;
const KEY_ID = { start: 1, end: 9 };
const MAX_PACKET_BYTES = 64 * 1024;

/**
 * Whom a message is encrypted to, by the key ids at its beginning, in lower-case hexadecimal and ascending order; its rest is not read. Needs no key.
 * `object.corrupt` where something else begins there.
 */
export async function readRecipients(message: AsyncIterable<Uint8Array>): Promise<readonly string[]> {
  const reader = new ByteReader(message);
  const ids = new Set<string>();
  try {
    for (let packet = await nextPacket(reader); packet?.type === TYPE.sessionKey; packet = await nextPacket(reader)) {
      const body = await smallBody(packet, MAX_PACKET_BYTES);
      if (body[0] !== VERSION || body.length < KEY_ID.end)
        throw corrupt('names a recipient in a way that hoard does not know');
      ids.add(body.toString('hex', KEY_ID.start, KEY_ID.end));
    }
  } finally {
    await reader.close();
  }
  if (ids.size === 0) throw corrupt('names no recipient where it begins');
  return [...ids].sort();
}
