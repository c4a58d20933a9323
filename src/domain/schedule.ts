import { type CronExpression, everFires, matchesDay } from './cron.ts';
import type { Duration } from './duration.ts';
import { type Instant, instant } from './instant.ts';
import { type DayClock, dayClock, type WallTime, wallTime, wallTimeAt } from './time-zone.ts';

export { validTimeZone } from './time-zone.ts';

/**
 * When something is due. Level-triggered: only the latest slot matters, missed slots collapse into one.
 *
 * A cron schedule follows the wall clock of its zone. On the two days a year when clocks change:
 * - a time that the clock skips in spring fires at the first moment after the gap (02:30 in Berlin: 03:00 summer time), and
 *   coincides there with whatever else fires then;
 * - a time that the clock shows twice in autumn fires the first time only, unless the expression fires in every hour
 *   of the day: then it means "every so many minutes", and fires in both.
 */
export type Schedule =
  | { readonly kind: 'cron'; readonly expression: CronExpression; readonly timeZone: string }
  /** A grid of slots `anchor + n * every`, where anchor is the time of day `at` (UTC) on 1970-01-01. */
  | { readonly kind: 'every'; readonly every: Duration; readonly at: Duration };

/** The newest slot at or before `now`; undefined where the schedule never fires. */
export function latestSlot(schedule: Schedule, now: Instant): Instant | undefined {
  if (schedule.kind === 'every') return gridSlot(schedule, now, 0);
  return searchDays(schedule.expression, schedule.timeZone, now, -1, (slots) => slots.findLast((slot) => slot <= now));
}

/** The first slot after `now`; undefined where the schedule never fires. */
export function nextSlot(schedule: Schedule, now: Instant): Instant | undefined {
  if (schedule.kind === 'every') return gridSlot(schedule, now, 1);
  return searchDays(schedule.expression, schedule.timeZone, now, 1, (slots) => slots.find((slot) => slot > now));
}

function gridSlot(
  schedule: { readonly every: Duration; readonly at: Duration },
  now: Instant,
  step: 0 | 1,
): Instant | undefined {
  const { every, at } = schedule;
  return every > 0 ? instant(at + (Math.floor((now - at) / every) + step) * every) : undefined;
}

const DAY = 86_400_000;

// 29 February on a given weekday comes every 28 years, 40 over a century that is no leap year; a year for the edges.
const FARTHEST_DAYS = 41 * 366;

type Pick = (slots: readonly Instant[]) => Instant | undefined;

function searchDays(
  cron: CronExpression,
  zone: string,
  now: Instant,
  direction: 1 | -1,
  pick: Pick,
): Instant | undefined {
  if (!everFires(cron)) return undefined;
  // A skipped day (Samoa, 30 December 2011) fires on the next one: begin two days on the other side of now.
  let day = Math.floor(wallTimeAt(zone, now) / DAY) - 2 * direction;
  for (let count = 0; count < FARTHEST_DAYS; count += 1, day += direction) {
    const date = new Date(day * DAY);
    if (!matchesDay(cron, date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCDay())) continue;
    const found = pick(slotsOfDay(cron, zone, wallTime(day * DAY)));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** All slots of one calendar day, ascending. */
function slotsOfDay(cron: CronExpression, zone: string, dayStart: WallTime): readonly Instant[] {
  const clock: DayClock = dayClock(zone, dayStart);
  const everyHour = cron.hours.length === 24;
  const slots: Instant[] = [];
  for (const hour of cron.hours) {
    for (const minute of cron.minutes) {
      const moments = clock.momentsOf(wallTime(dayStart + (hour * 60 + minute) * 60_000));
      slots.push(...(everyHour ? moments : moments.slice(0, 1)));
    }
  }
  return slots.sort((a, b) => a - b);
}
