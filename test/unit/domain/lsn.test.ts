import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareLsn, formatLsn, lsn, maxLsn, minLsn, parseLsn } from '../../../src/domain/lsn.ts';
import { caught } from '../../support/caught.ts';

describe('an LSN', () => {
  test.each([
    ['0/0', 0n, '0/0'],
    ['16/B374D848', 0x16b374d848n, '16/B374D848'],
    ['00000016/b374d848', 0x16b374d848n, '16/B374D848'],
    ['FFFFFFFF/FFFFFFFF', 0xffff_ffff_ffff_ffffn, 'FFFFFFFF/FFFFFFFF'],
    ['1/0', 0x1_0000_0000n, '1/0'],
    [' 0/1 ', 1n, '0/1'],
  ])('%s', (text, value, canonical) => {
    expect(parseLsn(text)).toBe(value);
    expect(formatLsn(parseLsn(text))).toBe(canonical);
  });

  test.each(['', '0', '/', '0/', '/0', '0x1/0', '123456789/0', '0/123456789', '1/2/3', '-1/0', '0/G'])(
    'refuses "%s"',
    (text) => {
      expect(caught(() => parseLsn(text))).toMatchObject({ code: 'value.invalid', message: `"${text}" is not an LSN` });
    },
  );

  test('stays within 64 bits', () => {
    expect(caught(() => lsn(-1n)).code).toBe('value.invalid');
    expect(caught(() => lsn(1n << 64n)).code).toBe('value.invalid');
  });

  test('is ordered as an unsigned number', () => {
    const [low, high] = [lsn(1n), lsn(0x8000_0000_0000_0000n)];
    expect([compareLsn(low, high), compareLsn(high, low), compareLsn(low, low)]).toEqual([-1, 1, 0]);
    expect([minLsn(low, high), maxLsn(low, high)]).toEqual([low, high]);
  });

  test('what is formatted is parsed back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (value) => parseLsn(formatLsn(lsn(value))) === value),
    );
  });
});
