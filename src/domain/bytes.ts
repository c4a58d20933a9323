import { Failure } from './failure.ts';

/** A number of bytes. */
export type Bytes = number & { readonly __bytes: unique symbol };

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
};

const FORM = /^(\d+)(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)$/;

/** Parses `64MiB`, `10GB`: a whole number and a binary or decimal unit. Throws `value.invalid`. */
export function parseBytes(text: string): Bytes {
  const match = FORM.exec(text);
  const value = Number(match?.[1]) * (UNITS[match?.[2] ?? ''] ?? Number.NaN);
  if (!Number.isSafeInteger(value)) {
    throw new Failure('value.invalid', {
      message: `"${text}" is not a size`,
      hint: 'write a whole number and a unit: 512KiB, 64MiB, 10GiB, or decimal 10GB',
    });
  }
  return value as Bytes;
}

export function bytesOf(count: number): Bytes {
  return count as Bytes;
}

/** For people: `0 B`, `512 B`, `1.5 MiB`, `10 GiB`. */
export function renderBytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = count;
  let index = 0;
  while (Math.abs(value) >= 1024 && index < units.length - 1) {
    value /= 1024;
    index += 1;
  }
  const digits = index === 0 || Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${units[index]}`;
}
