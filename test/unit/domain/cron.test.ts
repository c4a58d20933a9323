import { describe, expect, test } from 'vitest';
import { everFires, matchesDay, parseCron } from '../../../src/domain/cron.ts';
import { caught } from '../../support/caught.ts';

describe('parseCron', () => {
  test.each([
    ['0 2 * * *', { minutes: [0], hours: [2] }],
    ['*/15 8-10,22 * * *', { minutes: [0, 15, 30, 45], hours: [8, 9, 10, 22] }],
    ['10-30/10 * * JAN,mar-may *', { minutes: [10, 20, 30], months: [1, 3, 4, 5] }],
    ['0 0 * * 7', { daysOfWeek: [0] }],
    ['0 0 * * fri-sun', { daysOfWeek: [0, 5, 6] }],
    ['0 0 * * sun-tue', { daysOfWeek: [0, 1, 2] }],
    ['0 0 * * */2', { daysOfWeek: [0, 2, 4, 6], eitherDay: false }],
    ['0 0 1 * 1', { daysOfMonth: [1], daysOfWeek: [1], eitherDay: true }],
    ['0 0 */10 * 1', { daysOfMonth: [1, 11, 21, 31], eitherDay: false }],
    ['5,5,4 0 * * *', { minutes: [4, 5] }],
    ['  0   2 * * *  ', { source: '0   2 * * *' }],
    ['@daily', { source: '@daily', minutes: [0], hours: [0] }],
    ['@Weekly', { daysOfWeek: [0], eitherDay: false }],
    ['@hourly', { minutes: [0] }],
    ['@yearly', { months: [1], daysOfMonth: [1] }],
  ])('%s', (text, expected) => {
    expect(parseCron(text)).toMatchObject(expected);
  });

  test.each([
    ['60 2 * * *', 'the minute field of cron expression "60 2 * * *" cannot be "60": "60" is not in 0-59'],
    ['0 24 * * *', 'the hour field', '0-23'],
    ['0 2 0 * *', 'the day of month field', '1-31'],
    ['0 2 * 13 *', 'the month field', 'jan-dec'],
    ['0 2 * * 8', 'the day of week field', 'sun-sat'],
    ['0 2 * * moon', 'the day of week field', '"moon"'],
    ['0 2 L * *', 'the day of month field', '"L"'],
    ['0 2 ? * *', 'the day of month field', 'none of'],
    ['0 2 * * 1#2', 'the day of week field'],
    ['5/15 * * * *', 'write 5-59/15'],
    ['*/0 * * * *', 'the step must be 1-59'],
    ['*/90 * * * *', 'the step must be 1-59'],
    ['30-10 * * * *', 'backwards'],
    ['1,,2 * * * *', 'the minute field'],
    ['-5 * * * *', 'the minute field'],
    ['1.5 * * * *', 'the minute field'],
    ['0 0 2 * * *', 'has 6 fields instead of five'],
    ['0 2 * *', 'has 4 fields instead of five'],
    ['', 'has 0 fields instead of five'],
    ['@reboot', '"@reboot" is not a cron macro'],
  ])('refuses "%s"', (text, ...words) => {
    const failure = caught(() => parseCron(text));
    expect(failure).toMatchObject({ code: 'value.invalid', hint: expect.any(String) });
    for (const word of words) expect(failure.message).toContain(word);
  });

  test('six fields are told to leave out seconds', () => {
    expect(caught(() => parseCron('0 0 2 * * *')).hint).toContain('leave out the field for seconds');
  });
});

describe('days', () => {
  test('either day field matches where both are restricted, both must where one begins with a star', () => {
    expect(matchesDay(parseCron('0 0 13 * fri'), 2, 13, 2)).toBe(true);
    expect(matchesDay(parseCron('0 0 13 * fri'), 2, 14, 5)).toBe(true);
    expect(matchesDay(parseCron('0 0 13 * fri'), 2, 14, 4)).toBe(false);
    expect(matchesDay(parseCron('0 0 */2 * fri'), 2, 14, 5)).toBe(false);
    expect(matchesDay(parseCron('0 0 */2 * fri'), 2, 13, 5)).toBe(true);
    expect(matchesDay(parseCron('0 0 13 3 fri'), 2, 13, 5)).toBe(false);
  });

  test.each([
    ['0 0 31 2 *', false],
    ['0 0 30 2 *', false],
    ['0 0 31 4,6,9,11 *', false],
    ['0 0 29 2 *', true],
    ['0 0 31 2 mon', true],
    ['0 0 31 2,3 *', true],
  ])('%s ever fires: %s', (text, fires) => {
    expect(everFires(parseCron(text))).toBe(fires);
  });
});
