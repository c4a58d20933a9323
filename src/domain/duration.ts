import { Failure } from './failure.ts';

/** A length of time in milliseconds. */
export type Duration = number & { readonly __duration: unique symbol };

const UNITS: readonly (readonly [unit: string, milliseconds: number])[] = [
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
];

const FORM = /^(\d+)(s|m|h|d|w)$/;

/** Parses `30s 15m 6h 14d 2w`: a whole number and one unit. A day is 24 hours. Throws `value.invalid`. */
export function parseDuration(text: string): Duration {
  const match = FORM.exec(text);
  const unit = UNITS.find(([name]) => name === match?.[2]);
  const value = Number(match?.[1]) * (unit?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(value)) {
    throw new Failure('value.invalid', {
      message: `"${text}" is not a duration`,
      hint: 'write a whole number and a unit: 30s, 15m, 6h, 14d or 2w',
    });
  }
  return value as Duration;
}

/**
 * A form that parseDuration reads back, in the largest unit up to days that divides it (`14d`, as people write it, not `2w`); below a
 * second rounded up to `1s`.
 */
export function formatDuration(duration: Duration): string {
  for (const [name, size] of UNITS) {
    if (name !== 'w' && duration !== 0 && duration % size === 0) return `${duration / size}${name}`;
  }
  return `${Math.ceil(duration / 1000)}s`;
}

export function durationOf(milliseconds: number): Duration {
  return milliseconds as Duration;
}
