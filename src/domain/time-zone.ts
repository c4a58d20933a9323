import { type Instant, instant } from './instant.ts';

/** A wall clock reading: the milliseconds since 1970-01-01T00:00 that a clock without zone would count. */
export type WallTime = number & { readonly __wallTime: unique symbol };

export const wallTime = (milliseconds: number): WallTime => milliseconds as WallTime;

/** A stretch of time with one offset (wall time − UTC, milliseconds): from `from` up to, not including, `to`. */
interface OffsetPiece {
  readonly from: number;
  readonly to: number;
  readonly offset: number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

// Constructing a DateTimeFormat takes some 30 µs and 10 KiB; there are fewer than 700 zones.
const formatters = new Map<string, Intl.DateTimeFormat>();

/** True for the zones that this runtime knows: IANA names (`Europe/Berlin`, `UTC`) and fixed offsets (`+01:00`). */
export function validTimeZone(name: string): boolean {
  try {
    formatterOf(name);
    return true;
  } catch {
    return false;
  }
}

function formatterOf(zone: string): Intl.DateTimeFormat {
  const cached = formatters.get(zone);
  if (cached) return cached;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formatters.set(zone, made);
  return made;
}

/** What the wall clock in `zone` shows at `at`, to the second below. Throws RangeError for an unknown zone. */
export function wallTimeAt(zone: string, at: Instant): WallTime {
  return wallTime(at + offsetAt(zone, at));
}

function offsetAt(zone: string, at: number): number {
  if (zone === 'UTC') return 0;
  const second = Math.floor(at / 1000) * 1000;
  const parts: Record<string, number> = {};
  for (const { type, value } of formatterOf(zone).formatToParts(second)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second: s = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, s) - second;
}

/** The moments at which the wall clock shows given times of one day: pieces of constant offset around it, looked up once. */
export interface DayClock {
  /**
   * When the clock shows `wall`: once on a normal day, twice where clocks are put back over it (both, ascending).
   * A time that the clock skips gives the first moment after the gap.
   */
  momentsOf(wall: WallTime): readonly Instant[];
}

/** The clock for wall times from `dayStart` to the end of that calendar day. */
export function dayClock(zone: string, dayStart: WallTime): DayClock {
  // Offsets lie within 16 hours of UTC, so the day lies within these bounds, wherever it is.
  const pieces = offsetPieces(zone, dayStart - DAY, dayStart + 2 * DAY);
  return { momentsOf: (wall) => momentsIn(pieces, wall) };
}

function momentsIn(pieces: readonly OffsetPiece[], wall: number): readonly Instant[] {
  const moments: Instant[] = [];
  for (const { from, to, offset } of pieces) {
    const at = wall - offset;
    if (at >= from && at < to) moments.push(instant(at));
  }
  if (moments.length > 0) return moments;
  const afterGap = pieces.find(({ from, offset }) => from + offset > wall);
  return afterGap ? [instant(afterGap.from)] : [];
}

function offsetPieces(zone: string, from: number, to: number): readonly OffsetPiece[] {
  // No zone has changed its offset twice within twelve hours, so equal ends mean no change between.
  const pieces: OffsetPiece[] = [];
  let start = from;
  let offset = offsetAt(zone, from);
  for (let at = from; at < to; at += 12 * HOUR) {
    const end = Math.min(at + 12 * HOUR, to);
    const next = offsetAt(zone, end);
    if (next === offset) continue;
    const change = firstWithOtherOffset(zone, at, end, offset);
    pieces.push({ from: start, to: change, offset });
    start = change;
    offset = next;
  }
  pieces.push({ from: start, to: Number.POSITIVE_INFINITY, offset });
  return pieces;
}

/** Bisects to the second: `low` has `offset`, `high` has another. */
function firstWithOtherOffset(zone: string, low: number, high: number, offset: number): number {
  let before = Math.floor(low / 1000);
  let after = Math.ceil(high / 1000);
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(zone, middle * 1000) === offset) before = middle;
    else after = middle;
  }
  return after * 1000;
}
