import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Compressor, Decompressor } from 'snappy';
import { describe, expect, test } from 'vitest';
import type { Codec } from '../../../src/codec/codec.ts';
import { openCodec } from '../../../src/codec/open-codec.ts';
import { bodyOf, bytesOf, pattern } from '../../conformance/bodies.ts';

const lzma = openCodec({ algorithm: 'lzma', level: undefined });
const snappy = openCodec({ algorithm: 'snappy', level: undefined });

/** Debian has no program for framed Snappy that runs: its python3-snappy 0.5.3 does not with its Python 3.11. */
const SCRIPT = fileURLToPath(new URL('../../support/framed-snappy.py', import.meta.url));
const PYTHON = 'python3';

const succeeds = (command: string, args: readonly string[]): boolean => spawnSync(command, args).status === 0;

const hasXz = succeeds('xz', ['--version']);
const hasSnappy = succeeds(PYTHON, ['-c', 'import ctypes; ctypes.CDLL("libsnappy.so.1")']);

/** A program as a filter. */
function filter(input: Uint8Array, command: string, args: readonly string[]): Buffer {
  const run = spawnSync(command, args, { input, maxBuffer: 1e8 });
  expect(run.stderr.toString()).toBe('');
  expect(run.status).toBe(0);
  return run.stdout;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const CONTENTS: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', new Uint8Array(0)],
  ['one byte', Uint8Array.of(7)],
  ['noise and text', Buffer.concat([pattern(300_000), Buffer.alloc(500_000, 'page '), pattern(10)])],
];

async function framesOf(codec: Codec, plain: Uint8Array): Promise<readonly Uint8Array[]> {
  return [
    await codec.encode(plain),
    await bytesOf(codec.encodeStream(bodyOf(plain.subarray(0, 70_001), plain.subarray(70_001)))),
  ];
}

async function expectRead(codec: Codec, frame: Uint8Array, plain: Uint8Array): Promise<void> {
  expect(same(await codec.decode(frame, plain.length), plain)).toBe(true);
  const halves = bodyOf(frame.subarray(0, frame.length >> 1), frame.subarray(frame.length >> 1));
  expect(same(await bytesOf(codec.decodeStream(halves)), plain)).toBe(true);
}

describe.skipIf(!hasXz)(`the xz program${hasXz ? '' : ': xz-utils is not installed'}`, () => {
  test.each(CONTENTS)('opens our frames of %s', async (_, plain) => {
    for (const frame of await framesOf(lzma, plain)) {
      expect(same(filter(frame, 'xz', ['-dc']), plain)).toBe(true);
      expect(filter(frame, 'xz', ['-t']).length).toBe(0);
    }
  });

  test.each(['-0', '-6', '-9', '-C sha256', '-C crc32', '-T2 --block-size=100000'])(
    'makes frames that we open: %s',
    async (flags) => {
      for (const [, plain] of CONTENTS) await expectRead(lzma, filter(plain, 'xz', ['-c', ...flags.split(' ')]), plain);
    },
  );

  test.each(['-C none', '--x86 --lzma2', '--lzma2=dict=128MiB'])('makes frames that are refused: %s', async (flags) => {
    const plain = pattern(100_000);
    const frame = filter(plain, 'xz', ['-c', ...flags.split(' ')]);
    await expect(lzma.decode(frame, plain.length)).rejects.toMatchObject({ code: 'object.corrupt' });
  });
});

describe.skipIf(!hasSnappy)(`Google's libsnappy${hasSnappy ? '' : ': libsnappy1v5 or Python is not installed'}`, () => {
  const libsnappy = (input: Uint8Array, direction: '-c' | '-d'): Buffer => filter(input, PYTHON, [SCRIPT, direction]);

  test.each(CONTENTS)('opens our frames of %s', async (_, plain) => {
    for (const frame of await framesOf(snappy, plain)) expect(same(libsnappy(frame, '-d'), plain)).toBe(true);
  });

  test.each(CONTENTS)('makes frames of %s that we open', async (_, plain) => {
    await expectRead(snappy, libsnappy(plain, '-c'), plain);
  });
});

describe('the framing of the Rust implementation of Snappy', () => {
  test.each(CONTENTS)('opens our frames of %s, and we open its', async (_, plain) => {
    for (const frame of await framesOf(snappy, plain)) {
      const reader = new Decompressor();
      expect(same(Buffer.concat([reader.update(frame), await reader.finish()]), plain)).toBe(true);
    }
    if (plain.length === 0) return;
    const writer = new Compressor();
    await expectRead(snappy, Buffer.concat([writer.update(plain), await writer.finish()]), plain);
  });
});
