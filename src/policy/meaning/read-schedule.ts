import { parseCron } from '../../domain/cron.ts';
import { type Duration, durationOf, parseDuration } from '../../domain/duration.ts';
import { instant } from '../../domain/instant.ts';
import { nextSlot, type Schedule, validTimeZone } from '../../domain/schedule.ts';
import type { Path, PolicyDocument } from '../structure/policy-document.ts';
import { durationAt, parsedAt, textAt } from './values.ts';

export const DEFAULT_TIME_ZONE = 'UTC';

/** The schedule at a place; undefined where there is none or it is not valid. */
export function scheduleAt(document: PolicyDocument, path: Path): Schedule | undefined {
  const every = durationAt(document, [...path, 'every']);
  if (every !== undefined && every > 0)
    return { kind: 'every', every, at: timeOfDay(textAt(document, [...path, 'at'])) };
  const expression = parsedAt(document, [...path, 'cron'], parseCron);
  const timeZone = textAt(document, [...path, 'timeZone']) ?? DEFAULT_TIME_ZONE;
  return expression && validTimeZone(timeZone) ? { kind: 'cron', expression, timeZone } : undefined;
}

/** `01:30` as the time since midnight; midnight where nothing is given. */
export function timeOfDay(text: string | undefined): Duration {
  const [hours = '0', minutes = '0'] = text?.split(':') ?? [];
  return durationOf(parseDuration(`${Number(hours)}h`) + parseDuration(`${Number(minutes)}m`));
}

// Where the looking begins does not matter.
const START = instant(Date.UTC(2026, 0, 1));
// A month of daily slots, three years of monthly ones: enough to meet the longest pause in what people write.
const LOOKED_AT = 36;

/** The longest pause between two slots among the first ones, changes of clocks left aside; undefined where it never fires. */
export function longestPause(schedule: Schedule): Duration | undefined {
  if (schedule.kind === 'every') return schedule.every;
  const steady: Schedule = { ...schedule, timeZone: 'UTC' };
  let previous = nextSlot(steady, START);
  if (previous === undefined) return undefined;
  let longest = 0;
  for (let count = 0; count < LOOKED_AT; count += 1) {
    const next = nextSlot(steady, previous);
    if (next === undefined) break;
    longest = Math.max(longest, next - previous);
    previous = next;
  }
  return durationOf(longest);
}
