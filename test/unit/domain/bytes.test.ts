import { expect, test } from 'vitest';
import { parseBytes, renderBytes } from '../../../src/domain/bytes.ts';
import { caught } from '../../support/caught.ts';

test.each([
  ['0B', 0],
  ['512KiB', 524_288],
  ['64MiB', 67_108_864],
  ['10GiB', 10_737_418_240],
  ['2TiB', 2_199_023_255_552],
  ['10kB', 10_000],
  ['10GB', 10_000_000_000],
])('%s', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each(['', '10', 'GiB', '1.5GiB', '-1MiB', '10 GiB', '10gib', '10G', '99999999TiB'])('refuses "%s"', (text) => {
  expect(caught(() => parseBytes(text))).toMatchObject({ code: 'value.invalid', message: `"${text}" is not a size` });
});

test.each([
  [0, '0 B'],
  [512, '512 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [150 * 1024 * 1024, '150 MiB'],
  [10 * 1024 ** 3, '10 GiB'],
  [1024 ** 6, '1024 PiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(renderBytes(bytes)).toBe(text);
});
