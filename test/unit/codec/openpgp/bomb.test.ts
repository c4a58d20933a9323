import { deflateRawSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { packetHeader, packetOf } from '../../../../src/codec/openpgp/packet-framing.ts';
import { encryptStream } from '../../../../src/codec/openpgp/protected-data.ts';
import { decryptorFor, encryptorFor, testKey } from '../../../support/test-keys.ts';

const MIB = 2 ** 20;
const COMPRESSED = 8;
const LITERAL = 11;

/** A block of raw DEFLATE that is not the last: many behind each other are one stream. */
const zeros = deflateRawSync(Buffer.alloc(4 * MIB), { finishFlush: 2 });

/** A literal packet of some 2 GiB of zeros in a compressed packet of 2 MiB, as GnuPG would write it, only larger. */
async function* bomb(): AsyncGenerator<Uint8Array> {
  yield Buffer.from([1]);
  // The header of the literal packet: its length is not checked before it is read.
  yield deflateRawSync(Buffer.concat([packetHeader(LITERAL, 2 ** 31 - 1), Buffer.from([0x62, 0, 0, 0, 0, 0])]), {
    finishFlush: 2,
  });
  for (let written = 0; written < 2048; written += 4) yield zeros;
}

it('what a message of GnuPG may decompress to is read no further than somebody asks for, in bounded memory', async () => {
  const anna = await testKey('anna');
  const { header, sessionKey } = await (await encryptorFor([anna])).newPackKey();
  async function* message(): AsyncGenerator<Uint8Array> {
    yield header;
    yield* encryptStream(sessionKey, packetOf(COMPRESSED, bomb()));
  }
  const before = process.memoryUsage().rss;
  let size = 0;
  let peak = before;
  for await (const piece of decryptorFor([anna]).decrypt(message(), 'a name', 'required')) {
    size += piece.byteLength;
    peak = Math.max(peak, process.memoryUsage().rss);
    if (size > 256 * MIB) break;
  }
  expect(size).toBeGreaterThan(256 * MIB);
  expect(peak - before).toBeLessThan(128 * MIB);
});

it('a message that claims more than it has, in any packet, is refused without room being made for it', async () => {
  const anna = await testKey('anna');
  const encryptor = await encryptorFor([anna]);
  const { header, sessionKey } = await encryptor.newPackKey();
  const read = async (...pieces: readonly Uint8Array[]): Promise<number> => {
    async function* message(): AsyncGenerator<Uint8Array> {
      yield* pieces;
    }
    let size = 0;
    for await (const piece of decryptorFor([anna]).decrypt(message(), 'a name', 'required')) size += piece.byteLength;
    return size;
  };
  const huge = (type: number): Uint8Array => packetHeader(type, 2 ** 32 - 1);
  for (const type of [1, 2, 3, 4, 8, 10, 11, 18, 21]) {
    await expect(read(huge(type), Buffer.alloc(100))).rejects.toMatchObject({ code: 'object.corrupt' });
    async function* inner(): AsyncGenerator<Uint8Array> {
      yield huge(type);
      yield Buffer.alloc(100);
    }
    const pieces: Uint8Array[] = [];
    for await (const piece of encryptStream(sessionKey, inner())) pieces.push(piece);
    await expect(read(header, ...pieces)).rejects.toMatchObject({ code: 'object.corrupt' });
  }
  // More recipients than anybody has, and signatures without end.
  for (const packet of [header, Buffer.concat([packetHeader(2, 6), Buffer.from([4, 0, 22, 10, 0, 0])])]) {
    await expect(read(...Array.from({ length: 3000 }, () => packet))).rejects.toMatchObject({ code: 'object.corrupt' });
  }
});
