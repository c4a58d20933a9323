import { describe, expect, it } from 'vitest';
import { instant } from '../../../src/domain/instant.ts';
import { renderTable } from '../../../src/report/table.ts';
import { counted, renderAge, renderInstant } from '../../../src/report/words.ts';

const NOW = instant(Date.UTC(2026, 10, 22, 9, 15));

describe('renderAge', () => {
  it.each([
    [999, 'just now'],
    [45_000, '45 seconds ago'],
    [180_000, '3 minutes ago'],
    [26 * 3_600_000, '26 hours ago'],
    [12 * 86_400_000, '12 days ago'],
    [-180_000, 'in 3 minutes'],
  ])('%i ms before now is %s', (before, text) => {
    expect(renderAge(instant(NOW - before), NOW)).toBe(text);
  });
});

it('counts in words', () => {
  expect([counted(1, 'backup'), counted(0, 'backup'), counted(2, 'history', 'histories')]).toEqual([
    '1 backup',
    '0 backups',
    '2 histories',
  ]);
});

it('prints moments to the second, in UTC', () => {
  expect(renderInstant(NOW)).toBe('2026-11-22 09:15:00Z');
});

it('aligns columns and leaves no space at the end of a line', () => {
  expect(
    renderTable(
      [
        ['a', '1', 'x'],
        ['long', '100', ''],
      ],
      [1],
    ),
  ).toEqual(['a       1  x', 'long  100']);
});
