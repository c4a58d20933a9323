import { Failure } from './failure.ts';

/** A moment: milliseconds since 1970-01-01T00:00:00Z, as a clock argument gives it. */
export type Instant = number & { readonly __instant: unique symbol };

export function instant(epochMilliseconds: number): Instant {
  if (!Number.isFinite(epochMilliseconds)) {
    throw new Failure('value.invalid', { message: `not a moment: ${epochMilliseconds}` });
  }
  return Math.trunc(epochMilliseconds) as Instant;
}

// ISO 8601 with a mandatory zone: a restore target without a zone has cost people hours of data.
const ISO = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)$/i;

/**
 * Parses an ISO 8601 moment with a time zone, for example `2026-11-20T14:05:00Z` or `2026-11-20 15:05+01:00`.
 * Fractions finer than a millisecond are cut. Throws `value.invalid`.
 */
export function parseInstant(text: string): Instant {
  const match = ISO.exec(text.trim());
  if (!match) {
    throw new Failure('value.invalid', {
      message: `"${text}" is not a time with a zone`,
      hint: 'write it like 2026-11-20T14:05:00Z or 2026-11-20T15:05:00+01:00',
    });
  }
  const [, year, month, day, hour, minute, second = '00', fraction = '', zone = 'Z'] = match;
  const normalZone = /^z$/i.test(zone) ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}`;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, '0')}${normalZone}`;
  const value = Date.parse(iso);
  // Date.parse rolls 31 February over into March in some engines: check the day survives the round trip.
  if (
    Number.isNaN(value) ||
    new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() !== Number(day)
  ) {
    throw new Failure('value.invalid', { message: `"${text}" is not a moment that exists` });
  }
  return value as Instant;
}

/** `2026-11-20T14:05:00.000Z`. */
export function formatInstant(at: Instant): string {
  return new Date(at).toISOString();
}

/** A moment as exactly as PostgreSQL keeps it. */
export interface PreciseInstant {
  readonly at: Instant;
  /** What comes after the milliseconds, 1 to 999; absent for none. */
  readonly microseconds?: number;
}

/** As parseInstant, but fractions are cut at the microsecond: a recovery target a millisecond too early loses commits. */
export function parsePreciseInstant(text: string): PreciseInstant {
  const at = parseInstant(text);
  const microseconds = Number((ISO.exec(text.trim())?.[7] ?? '').slice(3, 6).padEnd(3, '0'));
  return microseconds === 0 ? { at } : { at, microseconds };
}

/** `2026-11-20T14:05:00.123456Z`; without microseconds as formatInstant. */
export function formatPreciseInstant({ at, microseconds = 0 }: PreciseInstant): string {
  const text = formatInstant(at);
  return microseconds === 0 ? text : text.replace('Z', `${String(microseconds).padStart(3, '0')}Z`);
}
