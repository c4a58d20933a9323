import { Failure } from './failure.ts';

/**
 * A parsed five-field cron expression: the values at which each field matches, ascending.
 * It is calendar only; the time zone belongs to the schedule.
 */
export interface CronExpression {
  readonly source: string;
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly daysOfMonth: readonly number[];
  /** 1 to 12. */
  readonly months: readonly number[];
  /** 0 (Sunday) to 6. */
  readonly daysOfWeek: readonly number[];
  /**
   * Vixie cron's rule for the two day fields: where neither begins with `*`, a day matches if either field does;
   * otherwise both must match.
   */
  readonly eitherDay: boolean;
}

interface Field {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  readonly names: readonly string[];
  readonly allowed: string;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const MINUTE: Field = { name: 'minute', low: 0, high: 59, names: [], allowed: '0-59' };
const HOUR: Field = { name: 'hour', low: 0, high: 23, names: [], allowed: '0-23' };
const DAY_OF_MONTH: Field = { name: 'day of month', low: 1, high: 31, names: [], allowed: '1-31' };
const MONTH: Field = { name: 'month', low: 1, high: 12, names: MONTHS, allowed: '1-12 or jan-dec' };
const DAY_OF_WEEK: Field = {
  name: 'day of week',
  low: 0,
  high: 7,
  names: WEEKDAYS,
  allowed: '0-7 (0 and 7 are Sunday) or sun-sat',
};

const MACROS: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);

/**
 * Parses `minute hour day-of-month month day-of-week` as Vixie cron does (crontab(5)): `*`, numbers, month and weekday names,
 * lists, ranges and steps, or one of the macros `@hourly @daily @midnight @weekly @monthly @yearly @annually`.
 * Throws `value.invalid`, saying which field is wrong and what it may hold. It does not check that such a day exists: see `everFires`.
 */
export function parseCron(text: string): CronExpression {
  const source = text.trim();
  const fields = (source.startsWith('@') ? expandMacro(source) : source).split(/\s+/);
  if (fields.length !== 5 || source === '') {
    throw new Failure('value.invalid', {
      message: `cron expression "${source}" has ${source === '' ? 0 : fields.length} fields instead of five`,
      hint:
        fields.length === 6
          ? 'leave out the field for seconds: minute, hour, day of month, month, day of week'
          : 'write minute, hour, day of month, month, day of week, for example "0 2 * * *"',
    });
  }
  const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = ''] = fields;
  const weekdays = parseField(DAY_OF_WEEK, dayOfWeek, source).map((day) => day % 7);
  return {
    source,
    minutes: parseField(MINUTE, minute, source),
    hours: parseField(HOUR, hour, source),
    daysOfMonth: parseField(DAY_OF_MONTH, dayOfMonth, source),
    months: parseField(MONTH, month, source),
    daysOfWeek: [...new Set(weekdays)].sort((a, b) => a - b),
    eitherDay: !dayOfMonth.startsWith('*') && !dayOfWeek.startsWith('*'),
  };
}

// Longest each month gets; every existing date falls on every weekday within the calendar's 400 years, 29 February too.
const LONGEST = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** False where no year has a matching day, for example 31 February. */
export function everFires(cron: CronExpression): boolean {
  return cron.eitherDay || cron.months.some((month) => (cron.daysOfMonth[0] ?? 32) <= (LONGEST[month - 1] ?? 0));
}

/** Whether the expression fires on this day of the calendar; `weekday` 0 is Sunday. */
export function matchesDay(cron: CronExpression, month: number, day: number, weekday: number): boolean {
  if (!cron.months.includes(month)) return false;
  const byDate = cron.daysOfMonth.includes(day);
  const byWeekday = cron.daysOfWeek.includes(weekday);
  return cron.eitherDay ? byDate || byWeekday : byDate && byWeekday;
}

function expandMacro(source: string): string {
  const expanded = MACROS.get(source.toLowerCase());
  if (expanded !== undefined) return expanded;
  throw new Failure('value.invalid', {
    message: `"${source}" is not a cron macro`,
    hint: `use one of ${[...MACROS.keys()].join(' ')}, or five fields`,
  });
}

function parseField(field: Field, text: string, source: string): readonly number[] {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    for (const value of parsePart(field, part, source)) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

function parsePart(field: Field, part: string, source: string): readonly number[] {
  const match = /^(?:(\*)|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(part);
  if (!match)
    throw invalid(field, part, source, 'it is none of: *, a value, a range a-b, a step */n or a-b/n, a list of these');
  const [, star, first, last, stepText] = match;
  if (first !== undefined && last === undefined && stepText !== undefined) {
    throw invalid(field, part, source, `a step needs a range: write ${first}-${field.high}/${stepText}`);
  }
  const low = star ? field.low : parseValue(field, first ?? '', part, source, 'first');
  const high = star ? wholeHigh(field) : last === undefined ? low : parseValue(field, last, part, source, 'last');
  if (high < low) throw invalid(field, part, source, 'the range runs backwards; write it as two ranges');
  const step = stepText === undefined ? 1 : Number(stepText);
  if (step < 1 || step > field.high) throw invalid(field, part, source, `the step must be 1-${field.high}`);
  const values: number[] = [];
  for (let value = low; value <= high; value += step) values.push(value);
  return values;
}

// `*` for weekdays means 0-6: with 7 as well, `*/7` would name Sunday twice and `*/2` would end on Sunday again.
const wholeHigh = (field: Field): number => (field === DAY_OF_WEEK ? 6 : field.high);

function parseValue(field: Field, text: string, part: string, source: string, place: 'first' | 'last'): number {
  const named = field.names.indexOf(text.toLowerCase());
  // `fri-sun` ends on the Sunday after Friday.
  if (named === 0 && field === DAY_OF_WEEK && place === 'last') return 7;
  if (named >= 0) return named + field.low;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= field.low && value <= field.high) return value;
  throw invalid(field, part, source, `"${text}" is not in ${field.allowed}`);
}

function invalid(field: Field, part: string, source: string, why: string): Failure {
  return new Failure('value.invalid', {
    message: `the ${field.name} field of cron expression "${source}" cannot be "${part}": ${why}`,
    hint: `the ${field.name} field takes ${field.allowed}, lists, ranges and steps`,
  });
}
