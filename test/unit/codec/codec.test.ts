import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Codec } from '../../../src/codec/codec.ts';
import { codecOfExtension, openCodec } from '../../../src/codec/open-codec.ts';
import { bodyOf, bytesOf, collect, pattern, retainedBytes } from '../../conformance/bodies.ts';

const zstd = openCodec({ algorithm: 'zstd', level: undefined });
const snappy = openCodec({ algorithm: 'snappy', level: undefined });
const lzma = openCodec({ algorithm: 'lzma', level: undefined });
const none = openCodec({ algorithm: 'none', level: undefined });
const corrupt = { code: 'object.corrupt' };

/** Content that compresses into every kind of block: repeated bytes, text-like matches, noise. */
const content = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.tuple(fc.nat({ max: 255 }), fc.nat({ max: 200_000 })).map(([value, length]) => new Uint8Array(length).fill(value)),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.nat({ max: 5000 }))
    .map(([unit, times]) => Buffer.alloc(unit.length * times, unit)),
  fc.nat({ max: 300_000 }).map((length) => pattern(length)),
);

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** `bytes` in pieces of the given lengths, in turn; longer ones where there would be too many to be arguments of a function. */
function pieces(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const length = Math.max(1, Math.ceil(bytes.length / 10_000), lengths[turn % lengths.length] ?? bytes.length);
    all.push(bytes.subarray(at, at + length));
    at += length;
  }
  return all;
}

describe.each([
  ['zstd', zstd],
  ['snappy', snappy],
  ['lzma', lzma],
  ['none', none],
])('%s', (_, codec: Codec) => {
  test('any bytes come back, in one piece and as a stream, and each reads what the other wrote', async () => {
    await fc.assert(
      fc.asyncProperty(
        content,
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 4 }),
        async (plain, lengths) => {
          const frame = await codec.encode(plain);
          expect(same(await codec.decode(frame, plain.length), plain)).toBe(true);
          expect(same(await bytesOf(codec.decodeStream(bodyOf(...pieces(frame, lengths)))), plain)).toBe(true);
          const streamed = await bytesOf(codec.encodeStream(bodyOf(...pieces(plain, lengths))));
          expect(same(await codec.decode(streamed, plain.length), plain)).toBe(true);
          expect(same(await bytesOf(codec.decodeStream(bodyOf(...pieces(streamed, lengths)))), plain)).toBe(true);
        },
      ),
      { numRuns: Number(process.env['HOARD_SLOW_CASES'] ?? (codec === lzma ? 40 : 150)) },
    );
  });

  test('contents of every size give one frame, also where it fills a buffer exactly', async () => {
    // A frame of lzma costs a thread, so fewer of them: around what its chunks and pieces have.
    const [few, edge] = codec === lzma ? [70, 4] : [400, 60];
    const sizes = [
      ...Array.from({ length: few }, (_, size) => size),
      ...Array.from({ length: edge }, (_, less) => 64 * 1024 + 2 - less),
      ...Array.from({ length: edge }, (_, less) => 128 * 1024 + 2 - less),
    ];
    for (const plain of sizes.flatMap((size) => [pattern(size), new Uint8Array(size)])) {
      const frame = await codec.encode(plain);
      expect(same(await codec.decode(frame, plain.length), plain), `${plain.length}`).toBe(true);
      for (const cut of [[plain.length], [Math.max(1, plain.length - 1)]]) {
        const streamed = await bytesOf(codec.encodeStream(bodyOf(...pieces(plain, cut))));
        expect(same(await codec.decode(streamed, plain.length), plain), `${plain.length} as a stream`).toBe(true);
      }
    }
  });

  test('another size than the expected one is refused', async () => {
    const frame = await codec.encode(pattern(1000));
    for (const size of [0, 1, 999, 1001, 100_000])
      await expect(codec.decode(frame, size)).rejects.toMatchObject(corrupt);
  });

  test('an error of the source comes out as it is, and an early end closes the source', async () => {
    for (const encoding of [true, false]) {
      const run = (source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> =>
        encoding ? codec.encodeStream(source) : codec.decodeStream(source);
      const start = encoding ? pattern(1_000_000) : await codec.encode(pattern(2_000_000));
      async function* failing() {
        yield start.subarray(0, start.length >> 1);
        throw new Error('the line broke');
      }
      await expect(collect(run(failing()))).rejects.toThrow('the line broke');
      const closed = new AbortController();
      async function* endless() {
        try {
          for (const piece of pieces(start, [100_000])) yield piece;
          for (;;) {
            await sleep(1);
            yield encoding ? pattern(100_000) : new Uint8Array(0);
          }
        } finally {
          closed.abort();
        }
      }
      for await (const piece of run(endless())) if (piece.length > 0) break;
      for (let wait = 0; wait < 200 && !closed.signal.aborted; wait += 1) await sleep(5);
      expect(closed.signal.aborted).toBe(true);
    }
  });

  test('streams in bounded memory', async () => {
    // The slow one gets less, though more than the limit.
    const count = codec === lzma ? 320 : 800;
    const before = retainedBytes();
    let most = Number.NEGATIVE_INFINITY;
    async function* large() {
      for (let index = 0; index < count; index += 1) {
        if (index % 80 === 79) most = Math.max(most, retainedBytes() - before);
        yield pattern(128 * 1024, index);
      }
    }
    let size = 0;
    for await (const piece of codec.decodeStream(codec.encodeStream(large()))) size += piece.length;
    expect(size).toBe(count * 128 * 1024);
    expect(most).toBeGreaterThan(Number.NEGATIVE_INFINITY);
    expect(most).toBeLessThan(24 * 1024 * 1024);
  }, 180_000);
});

describe('damage to a zstd frame', () => {
  const samples: readonly (readonly [string, Uint8Array])[] = [
    ['nothing', new Uint8Array(0)],
    ['one byte', Uint8Array.of(7)],
    ['noise', pattern(90)],
    ['a repeated byte', new Uint8Array(5000).fill(1)],
    ['text', Buffer.from('the quick brown fox jumps over the lazy dog, and the lazy dog sleeps. '.repeat(20))],
    ['a zero page', new Uint8Array(8192)],
  ];

  /** Fails unless the bytes are refused, or give exactly the content: an equal encoding of it does no harm. Says whether they were refused. */
  async function refusedOrHarmless(bytes: Uint8Array, plain: Uint8Array): Promise<boolean> {
    const [whole, streamed] = await Promise.allSettled([
      zstd.decode(bytes, plain.length),
      bytesOf(zstd.decodeStream(bodyOf(bytes))),
    ]);
    for (const outcome of [whole, streamed]) {
      if (outcome.status === 'fulfilled') expect(same(outcome.value, plain)).toBe(true);
      else expect(outcome.reason).toMatchObject(corrupt);
    }
    return whole.status === 'rejected';
  }

  test.each(samples)('every flipped bit of a frame of %s is found or harmless', async (_, plain) => {
    const frame = await zstd.encode(plain);
    const unnoticed: string[] = [];
    for (let bit = 0; bit < frame.length * 8; bit += 1) {
      const damaged = Uint8Array.from(frame);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (!(await refusedOrHarmless(damaged, plain))) unnoticed.push(`byte ${bit >> 3} bit ${bit & 7}`);
    }
    // A header that says the same in another way, or an equal encoding of a match.
    expect(unnoticed.length, unnoticed.join()).toBeLessThanOrEqual(2);
  });

  test.each(samples)('every flipped bit of a streamed frame of %s is found or harmless', async (_, plain) => {
    const frame = await bytesOf(zstd.encodeStream(bodyOf(plain)));
    let unnoticed = 0;
    for (let bit = 0; bit < frame.length * 8; bit += 1) {
      const damaged = Uint8Array.from(frame);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (!(await refusedOrHarmless(damaged, plain))) unnoticed += 1;
    }
    // As above, and the window descriptor: a byte that asks for more or less memory, not for other content.
    expect(unnoticed).toBeLessThanOrEqual(10);
  });

  test.each(samples)('every cut of a frame of %s is found', async (_, plain) => {
    for (const frame of [await zstd.encode(plain), await bytesOf(zstd.encodeStream(bodyOf(plain)))]) {
      for (let length = 0; length < frame.length; length += 1) {
        await expect(zstd.decode(frame.subarray(0, length), plain.length)).rejects.toMatchObject(corrupt);
        await expect(collect(zstd.decodeStream(bodyOf(frame.subarray(0, length))))).rejects.toMatchObject(corrupt);
      }
    }
  });

  test('data after the frame is found, wherever the pieces are cut', async () => {
    const plain = pattern(200_000);
    const frame = await zstd.encode(plain);
    const skippable = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2);
    for (const tail of [
      Uint8Array.of(0),
      Buffer.from('garbage'),
      frame,
      await zstd.encode(new Uint8Array(0)),
      skippable,
    ]) {
      await expect(zstd.decode(Buffer.concat([frame, tail]), plain.length)).rejects.toMatchObject(corrupt);
      await expect(collect(zstd.decodeStream(bodyOf(Buffer.concat([frame, tail]))))).rejects.toMatchObject(corrupt);
      await expect(collect(zstd.decodeStream(bodyOf(frame, tail)))).rejects.toMatchObject(corrupt);
      await expect(zstd.decode(Buffer.concat([skippable, frame]), plain.length)).rejects.toMatchObject(corrupt);
    }
  });

  test('frames made beside and after each other are complete in themselves and say their size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(0, 1, 300, 8192, 70_000, 1_048_576), fc.nat(5)), { maxLength: 20 }),
        async (specs) => {
          const plains = specs.map(([size, kind]) =>
            kind === 0 ? randomBytes(size) : Buffer.from(pattern(size)).fill(kind, Math.trunc(size / 3)),
          );
          const frames = await Promise.all(plains.map(async (plain) => zstd.encode(plain)));
          for (const [index, plain] of plains.entries()) {
            const frame = frames[index] ?? Buffer.alloc(0);
            // By Node itself, which knows nothing of the frames before.
            expect(zstdDecompressSync(frame).equals(plain)).toBe(true);
            // Single segment: the content size is in the header and no window is asked for (RFC 8878, 3.1.1.1.1).
            expect((frame[4] ?? 0) & 0b0010_0000).not.toBe(0);
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  test('arbitrary bytes are refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, magic) => {
        const frame = magic ? Buffer.concat([Buffer.from('28b52ffd', 'hex'), bytes]) : bytes;
        await expect(zstd.decode(frame, 12_345)).rejects.toMatchObject(corrupt);
      }),
    );
  });

  test('a bomb is refused without its memory', async () => {
    const bomb = zstdCompressSync(new Uint8Array(512 * 1024 * 1024));
    const before = process.memoryUsage().rss;
    await expect(zstd.decode(bomb, 1024 * 1024)).rejects.toMatchObject(corrupt);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  });
});

describe('the codecs of a policy', () => {
  test('honour the level', async () => {
    const plain = Buffer.from(
      Array.from({ length: 30_000 }, (_, index) => `${index * 7919} row ${index % 97}`).join('\n'),
    );
    const sizes = await Promise.all(
      [1, 3, 19].map(async (level) => (await openCodec({ algorithm: 'zstd', level }).encode(plain)).length),
    );
    expect(new Set(sizes).size).toBe(3);
    expect(Math.min(...sizes)).toBe(sizes[2]);
  });

  test('honour the presets of lzma', async () => {
    const plain = Buffer.from(Array.from({ length: 20_000 }, (_, index) => `${index * 7919} ${index % 97}`).join('\n'));
    const sizes = [];
    for (const level of [undefined, 0, 6]) {
      const codec = openCodec({ algorithm: 'lzma', level });
      const frame = await codec.encode(plain);
      sizes.push(frame.length);
      expect((await bytesOf(codec.encodeStream(bodyOf(plain)))).length).toBe(frame.length);
    }
    expect(sizes[0]).toBe(sizes[1]);
    expect(sizes[2]).toBeLessThan(sizes[0] ?? 0);
  });

  test.each([-7, -1, 0, 22])('has zstd at level %d, as the schema does', async (level) => {
    const codec = openCodec({ algorithm: 'zstd', level });
    const plain = pattern(10_000);
    expect(same(await codec.decode(await codec.encode(plain), plain.length), plain)).toBe(true);
  });

  test.each([
    ['zstd', 23],
    ['zstd', -8],
    ['zstd', 1.5],
    ['lzma', 10],
    ['lzma', -1],
    ['snappy', 1],
    ['none', 0],
  ] as const)('refuse %s at level %d', (algorithm, level) => {
    expect(() => openCodec({ algorithm, level })).toThrow(expect.objectContaining({ code: 'value.invalid' }));
  });

  test.each([
    ['zst', 'zstd'],
    ['sz', 'snappy'],
    ['xz', 'lzma'],
    ['raw', 'none'],
    ['gz', undefined],
    ['', undefined],
  ])('are known by the extension %s', (extension, name) => {
    expect(codecOfExtension(extension)?.name).toBe(name);
  });

  test('load no library before it is needed', () => {
    const script = `
      const { codecOfExtension } = await import(${JSON.stringify(new URL('../../../src/codec/open-codec.ts', import.meta.url).href)});
      const { createRequire } = await import('node:module');
      const loaded = () => Object.keys(createRequire(import.meta.url).cache).filter((file) => /snappy|lzma|crc32/.test(file)).length;
      const before = loaded();
      for (const extension of ['sz', 'xz']) await codecOfExtension(extension).encode(Buffer.alloc(9));
      process.stdout.write([before, loaded() > 0].join());`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    expect(run.stdout).toBe('0,true');
  });

  test('frames without a checksum of other tools are read', async () => {
    const frame = zstdCompressSync(pattern(5000), { params: { [constants.ZSTD_c_checksumFlag]: 0 } });
    expect(same(await zstd.decode(frame, 5000), pattern(5000))).toBe(true);
  });
});

const cli = spawnSync('zstd', ['--version']).status === 0;
if (!cli)
  process.stderr.write('NOTICE: the zstd program is missing: reading its frames and ours by it was not tested\n');

describe.skipIf(!cli)('the zstd program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hoard-zstd-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const plain = Buffer.concat([pattern(300_000), Buffer.alloc(2_000_000, 'page '), pattern(10)]);
  const file = join(folder, 'object');

  test('opens our frames', async () => {
    for (const frame of [
      await zstd.encode(plain),
      await bytesOf(zstd.encodeStream(bodyOf(...pieces(plain, [70_001])))),
    ]) {
      writeFileSync(`${file}.zst`, frame);
      expect(spawnSync('zstd', ['-t', `${file}.zst`]).status).toBe(0);
      expect(same(spawnSync('zstd', ['-dc', `${file}.zst`], { maxBuffer: 1e8 }).stdout, plain)).toBe(true);
    }
  });

  test.each([['-1'], ['-3', '-T2'], ['-19'], ['--long=27'], ['--no-check']])(
    'makes frames that we open: %s %s',
    async (...flags) => {
      writeFileSync(file, plain);
      expect(
        spawnSync('zstd', ['-q', '-f', ...flags.filter((flag) => flag !== undefined), file, '-o', `${file}.zst`])
          .status,
      ).toBe(0);
      const frame = readFileSync(`${file}.zst`);
      expect(same(await zstd.decode(frame, plain.length), plain)).toBe(true);
      expect(same(await bytesOf(zstd.decodeStream(bodyOf(...pieces(frame, [1000, 1, 77_777])))), plain)).toBe(true);
    },
  );
});
