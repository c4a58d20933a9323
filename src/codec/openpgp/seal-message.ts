import { createHash, type Hash } from 'node:crypto';
import type { PackKey, SealedMessage } from '../encryption.ts';
import { ByteReader } from './byte-reader.ts';
import { CLOSING_SUM_BYTES, withClosingSum } from './closing-sum.ts';
import { literalHeader } from './literal.ts';
import { sealedBody, sizedHeader } from './protected-data.ts';
import { nextPacket, TYPE, wholePacket } from './read-packets.ts';

/** Far more than a signature. */
const MAX_PACKET_BYTES = 64 * 1024;

/** What was found when the content was read for the first time. */
interface Survey {
  /** The packets around the literal one, where there is a signature. */
  readonly before: readonly Uint8Array[];
  readonly after: readonly Uint8Array[];
  readonly size: number;
  readonly sha256: string;
}

/**
 * A message whose packets have known lengths and that ends with its closing sum. GnuPG reads beyond the end of an encrypted packet in parts of
 * unknown length, and takes what stands behind it for damage; so the content is read twice: to be signed and measured, and to be encrypted.
 */
export async function sealMessage(
  { header: keys, sessionKey }: PackKey,
  open: () => AsyncIterable<Uint8Array>,
  sign: (content: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): Promise<SealedMessage> {
  const survey = await surveyContent(sign, open());
  const { before, after } = survey;
  const literal = literalHeader(survey.size);
  const inside = [...before, literal, ...after].reduce((sum, { length }) => sum + length, survey.size);
  const { header, packetSize } = sizedHeader(inside);
  async function* packets(): AsyncGenerator<Uint8Array> {
    yield* before;
    yield literal;
    yield* sameContent(open(), survey);
    yield* after;
  }
  async function* message(): AsyncGenerator<Uint8Array> {
    yield keys;
    yield header;
    yield* sealedBody(sessionKey, packets());
  }
  return { size: keys.length + packetSize + CLOSING_SUM_BYTES, bytes: withClosingSum(message()) };
}

async function surveyContent(
  sign: (content: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
  content: AsyncIterable<Uint8Array>,
): Promise<Survey> {
  const hash = createHash('sha256');
  let size = 0;
  const reader = new ByteReader(
    sign(
      watched(content, hash, (count) => {
        size += count;
      }),
    ),
  );
  const before: Uint8Array[] = [];
  const after: Uint8Array[] = [];
  let seen = false;
  try {
    for (let packet = await nextPacket(reader); packet; packet = await nextPacket(reader)) {
      if (packet.type === TYPE.literal) {
        seen = true;
        // Its header is written anew, with the length; nothing vouches for what it says besides.
        for await (const _piece of packet.body);
      } else {
        (seen ? after : before).push(await wholePacket(packet, MAX_PACKET_BYTES));
      }
    }
  } finally {
    await reader.close();
  }
  return { before, after, size, sha256: hash.digest('hex') };
}

async function* watched(
  content: AsyncIterable<Uint8Array>,
  hash: Hash,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of content) {
    hash.update(piece);
    onBytes(piece.byteLength);
    yield piece;
  }
}

/** Nothing is signed, or said to have a length, that is then something else. */
async function* sameContent(content: AsyncIterable<Uint8Array>, survey: Survey): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  yield* watched(content, hash, () => undefined);
  if (hash.digest('hex') !== survey.sha256)
    throw new Error('the content to encrypt changed between two readings of it');
}
