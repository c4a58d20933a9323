import { describe, expect, test } from 'vitest';
import { parseLsn } from '../../../src/domain/lsn.ts';
import {
  formatTimelineHistory,
  historyFileName,
  parseTimelineHistory,
  parseTimelineName,
  timelineAt,
  timelineId,
  timelineName,
} from '../../../src/domain/timeline.ts';
import { caught } from '../../support/caught.ts';

test.each([
  [1, '00000001'],
  [9, '00000009'],
  [10, '0000000A'],
  [255, '000000FF'],
  [256, '00000100'],
  [4294967295, 'FFFFFFFF'],
])('timeline %i is %s', (id, name) => {
  expect(timelineName(timelineId(id))).toBe(name);
  expect(parseTimelineName(name)).toBe(id);
  expect(historyFileName(timelineId(id))).toBe(`${name}.history`);
});

test.each([0, -1, 1.5, 4294967296])('%d is no timeline', (id) => {
  expect(caught(() => timelineId(id)).code).toBe('value.invalid');
});

test.each(['00000000', '0000000a', '1', '000000001', 'G0000001'])('"%s" is no timeline name', (name) => {
  expect(caught(() => parseTimelineName(name)).code).toBe('value.invalid');
});

describe('a history file', () => {
  // As PostgreSQL writes it, with a comment and a reason that holds a slash and digits.
  const TEXT = [
    '# made by hand after the accident',
    '',
    '1\t0/50000A0\tbefore 2026-11-20 14:05:00.123456+01',
    '  2   1/2000000   no recovery target specified; see 0/1234',
    '10\t1/30000D8',
    '',
  ].join('\n');

  test('with comments, blank lines and reasons', () => {
    const history = parseTimelineHistory(timelineId(11), TEXT);
    expect(history).toEqual({
      timeline: 11,
      ancestors: [
        { timeline: 1, switchLsn: parseLsn('0/50000A0') },
        { timeline: 2, switchLsn: parseLsn('1/2000000') },
        { timeline: 10, switchLsn: parseLsn('1/30000D8') },
      ],
    });
    expect(parseTimelineHistory(timelineId(11), formatTimelineHistory(history))).toEqual(history);
  });

  test('with line ends of Windows', () => {
    expect(parseTimelineHistory(timelineId(2), '1\t0/50000A0\treason\r\n').ancestors).toHaveLength(1);
  });

  test('of timeline 1 may be empty', () => {
    expect(parseTimelineHistory(timelineId(1), '').ancestors).toEqual([]);
  });

  test.each([
    ['no parent', 2, '# nothing\n', '00000002.history names no parent timeline'],
    ['an id that does not increase', 4, '2\t0/1\n2\t0/2\n', 'line 2 of 00000004.history'],
    ['its own id', 2, '2\t0/1\n', 'line 1 of 00000002.history'],
    ['no LSN', 2, '1\n', 'line 1'],
    ['an id in hexadecimal', 11, 'A\t0/1\n', 'line 1'],
    ['garbage', 2, '\u0000\u0001', 'line 1'],
  ])('with %s is refused', (_name, timeline, text, words) => {
    const failure = caught(() => parseTimelineHistory(timelineId(timeline), text));
    expect(failure.code).toBe('postgres.format');
    expect(failure.message).toContain(words);
  });

  test.each([
    ['0/50000A0', 2],
    ['0/500009F', 1],
    ['1/1FFFFFF', 2],
    ['1/2000000', 10],
    ['1/30000D8', 11],
    ['FF/0', 11],
  ])('at %s the history is on timeline %i', (at, timeline) => {
    expect(timelineAt(parseTimelineHistory(timelineId(11), TEXT), parseLsn(at))).toBe(timeline);
  });
});
