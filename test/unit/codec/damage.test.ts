import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import * as fc from 'fast-check';
import { compressSync } from 'snappy';
import { describe, expect, test } from 'vitest';
import type { Codec } from '../../../src/codec/codec.ts';
import { openCodec } from '../../../src/codec/open-codec.ts';
import { bodyOf, bytesOf, collect, pattern } from '../../conformance/bodies.ts';

const snappy = openCodec({ algorithm: 'snappy', level: undefined });
const lzma = openCodec({ algorithm: 'lzma', level: undefined });
const corrupt = { code: 'object.corrupt' };

const SAMPLES: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', new Uint8Array(0)],
  ['one byte', Uint8Array.of(7)],
  ['noise', pattern(90)],
  ['a repeated byte', new Uint8Array(5000).fill(1)],
  ['text', Buffer.from('the quick brown fox jumps over the lazy dog, and the lazy dog sleeps. '.repeat(6))],
];

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Every frame that differs from this one in one bit, with the place. */
function* flipped(frame: Uint8Array): Generator<readonly [place: number, damaged: Uint8Array]> {
  for (let bit = 0; bit < frame.length * 8; bit += 1) {
    const damaged = Uint8Array.from(frame);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    yield [bit, damaged];
  }
}

/** What bytes decode to; undefined where they are refused, which must be with `object.corrupt`. */
async function outcome(decoding: Promise<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    return await decoding;
  } catch (error) {
    expect(error).toMatchObject(corrupt);
    return undefined;
  }
}

const streamed = (codec: Codec, ...pieces: readonly Uint8Array[]): Promise<Uint8Array> =>
  bytesOf(codec.decodeStream(bodyOf(...pieces)));

describe('damage to a frame of lzma', () => {
  test.each(SAMPLES)('every flipped bit is found or harmless in a frame of %s', async (_, plain) => {
    const unnoticed = new Set<string>();
    for (const [place, damaged] of flipped(await lzma.encode(plain))) {
      const where = `bit ${place & 7} of byte ${place >> 3}`;
      for (const decode of [() => lzma.decode(damaged, plain.length), () => streamed(lzma, damaged)]) {
        const given = await outcome(decode());
        if (!given) continue;
        unnoticed.add(where);
        expect(same(given, plain), where).toBe(true);
      }
    }
    // Properties of the coding (byte 29 has them) that make no difference for so simple a content.
    expect([...unnoticed].filter((where) => !where.endsWith(' of byte 29'))).toEqual([]);
  });

  test.each(SAMPLES)('every cut is found in a frame of %s', async (_, plain) => {
    const frame = await lzma.encode(plain);
    for (let length = 0; length < frame.length; length += 1) {
      await expect(lzma.decode(frame.subarray(0, length), plain.length)).rejects.toMatchObject(corrupt);
      await expect(streamed(lzma, frame.subarray(0, length))).rejects.toMatchObject(corrupt);
    }
  });

  test('data behind the frame is found: another one, and padding', async () => {
    const plain = pattern(100_000);
    const frame = await lzma.encode(plain);
    for (const tail of [Uint8Array.of(0), new Uint8Array(4), frame, await lzma.encode(new Uint8Array(0))]) {
      await expect(lzma.decode(Buffer.concat([frame, tail]), plain.length)).rejects.toMatchObject(corrupt);
      await expect(streamed(lzma, Buffer.concat([frame, tail]))).rejects.toMatchObject(corrupt);
      await expect(streamed(lzma, frame, tail)).rejects.toMatchObject(corrupt);
    }
  });

  test('a dictionary beyond that of xz -9 is refused', async () => {
    const frame = Buffer.from(await lzma.encode(pattern(100)));
    // The block's header: size, flags, filter, size of properties, dictionary, padding; its checksum at byte 20.
    expect(frame.subarray(12, 16).toString('hex')).toBe('02002101');
    for (const [bits, refused] of [
      [28, false],
      [29, true],
      [40, true],
      [63, true],
    ] as const) {
      frame.writeUInt8(bits, 16);
      frame.writeUInt32LE(crc32(frame.subarray(12, 20)), 20);
      const given = await outcome(lzma.decode(frame, 100));
      expect(given === undefined, `${bits}`).toBe(refused);
    }
  });
});

/** A chunk of the framing format as the specification has it, made apart from the code under test. */
function chunk(type: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(type + body.length * 256, 0, 4);
  return Buffer.concat([header, body]);
}

function dataChunk(type: 0 | 1, plain: Uint8Array, body = type === 0 ? compressSync(plain) : plain): Buffer {
  const crc = BigInt(crc32c(plain));
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(Number(((((crc >> 15n) | (crc << 17n)) & 0xffff_ffffn) + 0xa282ead8n) & 0xffff_ffffn));
  return chunk(type, Buffer.concat([sum, body]));
}

const IDENTIFIER = Buffer.from('\xff\x06\x00\x00sNaPpY', 'latin1');

/** Small frames, one of them of a compressed and a stored chunk. */
const SNAPPY_SAMPLES = SAMPLES.map(([name, plain]) => [name, plain, snappy.encode(plain)] as const);
const [noise, text] = [pattern(40), Buffer.from('abcabcabcabc'.repeat(50))];
SNAPPY_SAMPLES.push([
  'two chunks',
  Buffer.concat([text, noise]),
  Promise.resolve(Buffer.concat([IDENTIFIER, dataChunk(0, text), dataChunk(1, noise)])),
]);

describe('damage to a frame of snappy', () => {
  test.each(SNAPPY_SAMPLES)(
    'every flipped bit that changes the content of a frame of %s is found with its size',
    async (_, plain, encoded) => {
      const frame = await encoded;
      for (const [place, damaged] of flipped(frame)) {
        const given = await outcome(snappy.decode(damaged, plain.length));
        // An equal encoding of a repeated match does no harm.
        if (given) expect(same(given, plain), `bit ${place & 7} of byte ${place >> 3}`).toBe(true);
      }
    },
  );

  test.each(SNAPPY_SAMPLES)(
    'a stream misses only the bit that makes a chunk of %s one to pass over',
    async (_, plain, encoded) => {
      const frame = await encoded;
      const types = new Set<number>();
      for (let at = IDENTIFIER.length; at < frame.length; at += 4 + Buffer.from(frame).readUIntLE(at + 1, 3))
        types.add(at);
      for (const [place, damaged] of flipped(frame)) {
        const given = await outcome(streamed(snappy, damaged));
        if (!given || same(given, plain)) continue;
        expect([types.has(place >> 3), place & 7]).toEqual([true, 7]);
        expect(given.length).toBeLessThan(plain.length);
      }
    },
  );

  test.each(SNAPPY_SAMPLES)(
    'every cut of a frame of %s is found with its size, and by a stream except between chunks',
    async (_, plain, encoded) => {
      const frame = await encoded;
      const ends = new Set<number>([IDENTIFIER.length]);
      for (let at = IDENTIFIER.length; at < frame.length; ) {
        at += 4 + Buffer.from(frame).readUIntLE(at + 1, 3);
        ends.add(at);
      }
      for (let length = 0; length < frame.length; length += 1) {
        const cut = frame.subarray(0, length);
        await expect(snappy.decode(cut, plain.length)).rejects.toMatchObject(corrupt);
        const given = await outcome(streamed(snappy, cut));
        expect(given !== undefined, `${length}`).toBe(ends.has(length));
      }
    },
  );

  test('data behind the frame is found with its size, and by a stream where it is no chunk of data', async () => {
    const plain = pattern(100_000);
    const frame = await snappy.encode(plain);
    const more = dataChunk(1, Buffer.from('more'));
    for (const tail of [Uint8Array.of(0), Buffer.from('garbage'), frame, IDENTIFIER, more]) {
      await expect(snappy.decode(Buffer.concat([frame, tail]), plain.length)).rejects.toMatchObject(corrupt);
      if (tail !== more) await expect(streamed(snappy, frame, tail)).rejects.toMatchObject(corrupt);
    }
  });

  test.each([
    ['a stored chunk', dataChunk(1, text)],
    ['a compressed chunk', dataChunk(0, text)],
    [
      'padding before and behind',
      Buffer.concat([chunk(0xfe, new Uint8Array(7000)), dataChunk(0, text), chunk(0xfe, text)]),
    ],
    ['chunks to pass over', Buffer.concat([chunk(0x80, text), dataChunk(0, text), chunk(0xfd, new Uint8Array(0))])],
    ['a chunk without content', Buffer.concat([dataChunk(1, Buffer.alloc(0)), dataChunk(0, text)])],
    ['many small chunks', Buffer.concat(Array.from(text, (byte) => dataChunk(1, Buffer.of(byte))))],
  ])('%s is read', async (_, chunks) => {
    const frame = Buffer.concat([IDENTIFIER, chunks]);
    expect(same(await snappy.decode(frame, text.length), text)).toBe(true);
    expect(same(await streamed(snappy, ...Array.from(frame, (byte) => Uint8Array.of(byte))), text)).toBe(true);
  });

  const large = new Uint8Array(65_537);
  const absurd = Buffer.from('ffffffff0f', 'hex');

  test.each([
    ['no identifier', dataChunk(0, text)],
    ['the lowest reserved type', Buffer.concat([IDENTIFIER, chunk(0x02, text), dataChunk(0, text)])],
    ['the highest reserved type', Buffer.concat([IDENTIFIER, chunk(0x7f, text), dataChunk(0, text)])],
    ['a compressed chunk of more than 65536 bytes', Buffer.concat([IDENTIFIER, dataChunk(0, large)])],
    ['a stored chunk of more than 65536 bytes', Buffer.concat([IDENTIFIER, dataChunk(1, large)])],
    ['a chunk that says 4 GiB', Buffer.concat([IDENTIFIER, dataChunk(0, text, absurd)])],
    ['a chunk without a size', Buffer.concat([IDENTIFIER, dataChunk(0, text, Buffer.alloc(9, 0xff))])],
    ['a chunk too short for a checksum', Buffer.concat([IDENTIFIER, chunk(1, Buffer.alloc(3))])],
    ['a body of another size', Buffer.concat([IDENTIFIER, dataChunk(0, text, compressSync(text.subarray(1)))])],
  ])('%s is refused', async (_, frame) => {
    for (const size of [text.length, large.length]) {
      await expect(snappy.decode(frame, size)).rejects.toMatchObject(corrupt);
    }
    await expect(collect(snappy.decodeStream(bodyOf(frame)))).rejects.toMatchObject(corrupt);
  });
});

describe.each([
  ['snappy', snappy, IDENTIFIER],
  ['lzma', lzma, Buffer.from('fd377a585a000004e6d6b446', 'hex')],
])('%s', (name, codec, start) => {
  test('arbitrary bytes are refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, begun) => {
        const frame = begun ? Buffer.concat([start, bytes]) : bytes;
        await expect(codec.decode(frame, 12_345)).rejects.toMatchObject(corrupt);
      }),
    );
  });

  test('a bomb is refused without its memory, and streamed in bounded memory', async () => {
    async function* zeros() {
      for (let mebibyte = 0; mebibyte < 128; mebibyte += 1) yield new Uint8Array(2 ** 20);
    }
    const script = fileURLToPath(new URL('../../support/bomb-process.ts', import.meta.url));
    const input = await bytesOf(codec.encodeStream(zeros()));
    const run = spawnSync(process.execPath, ['--max-old-space-size=96', script, name], { encoding: 'utf8', input });
    expect(run.stderr).toBe('');
    const grown = JSON.parse(run.stdout) as { readonly refused: number; readonly streamed: number };
    expect(grown.refused).toBeLessThan(24);
    expect(grown.streamed).toBeLessThan(64);
  }, 180_000);
});
