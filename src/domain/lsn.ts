import { Failure } from './failure.ts';

/** A position in the write-ahead log: a byte offset, 64 bits (PostgreSQL documentation, "pg_lsn Type"). */
export type Lsn = bigint & { readonly __lsn: unique symbol };

const FORM = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i;
const MAX = 0xffff_ffff_ffff_ffffn;

/** Parses `16/B374D848`. Throws `value.invalid`. */
export function parseLsn(text: string): Lsn {
  const match = FORM.exec(text.trim());
  if (!match) {
    throw new Failure('value.invalid', {
      message: `"${text}" is not an LSN`,
      hint: 'write it as PostgreSQL does: two hexadecimal numbers with a slash, like 16/B374D848',
    });
  }
  return ((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)) as Lsn;
}

/** `16/B374D848`, as PostgreSQL prints it: no leading zeros. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

export function lsn(offset: bigint): Lsn {
  if (offset < 0n || offset > MAX) throw new Failure('value.invalid', { message: `LSN out of range: ${offset}` });
  return offset as Lsn;
}

export function compareLsn(a: Lsn, b: Lsn): -1 | 0 | 1 {
  return a < b ? -1 : a > b ? 1 : 0;
}
export const minLsn = (a: Lsn, b: Lsn): Lsn => (a < b ? a : b);
export const maxLsn = (a: Lsn, b: Lsn): Lsn => (a > b ? a : b);
