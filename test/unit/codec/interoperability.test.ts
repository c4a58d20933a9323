import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { Codec } from '../../../src/codec/codec.ts';
import { openCodec } from '../../../src/codec/open-codec.ts';
import { bodyOf, bytesOf, pattern } from '../../conformance/bodies.ts';

const lzma = openCodec({ algorithm: 'lzma', level: undefined });
const snappy = openCodec({ algorithm: 'snappy', level: undefined });

/** Debian's own Python: the package of Snappy is installed for that one. */
const PYTHON = '/usr/bin/python3';

const succeeds = (command: string, args: readonly string[]): boolean => spawnSync(command, args).status === 0;

const hasXz = succeeds('xz', ['--version']);
const hasSnappy = succeeds(PYTHON, ['-c', 'import snappy']);

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

  const flags = [['-0'], ['-6'], ['-9'], ['-C', 'sha256'], ['-C', 'crc32'], ['-T2', '--block-size=100000']] as const;

  test.each(flags)('makes frames that we open: %s %s', async (...args) => {
    for (const [, plain] of CONTENTS) await expectRead(lzma, filter(plain, 'xz', ['-c', ...args]), plain);
  });

  test.each([
    ['-C', 'none'],
    ['--x86', '--lzma2'],
    ['--lzma2=dict=128MiB', '-c'],
  ])('makes frames that are refused: %s %s', async (...args) => {
    const [, plain] = CONTENTS[2] ?? ['', new Uint8Array(0)];
    const frame = filter(plain, 'xz', ['-c', ...args]);
    await expect(lzma.decode(frame, plain.length)).rejects.toMatchObject({ code: 'object.corrupt' });
  });
});

describe.skipIf(!hasSnappy)(`Python's snappy${hasSnappy ? '' : ': python3-snappy is not installed'}`, () => {
  const stdin = '/dev/stdin';
  const stdout = '/dev/stdout';

  test.each(CONTENTS)('opens our frames of %s', async (_, plain) => {
    for (const frame of await framesOf(snappy, plain)) {
      expect(same(filter(frame, PYTHON, ['-m', 'snappy', '-d', stdin, stdout]), plain)).toBe(true);
    }
  });

  test.each(CONTENTS.slice(1))('makes frames of %s that we open', async (_, plain) => {
    await expectRead(snappy, filter(plain, PYTHON, ['-m', 'snappy', '-c', stdin, stdout]), plain);
  });
});
