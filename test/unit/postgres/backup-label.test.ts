import { describe, expect, it } from 'vitest';
import { parseLsn } from '../../../src/domain/lsn.ts';
import { formatBackupLabel, parseBackupLabel } from '../../../src/postgres/backup-label.ts';

const TEXT = `START WAL LOCATION: 0/2000028 (file 000000010000000000000002)
CHECKPOINT LOCATION: 0/2000060
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-22 11:15:00 UTC
LABEL: START TIME: it's a label
START TIMELINE: 10
`;

describe('parseBackupLabel', () => {
  it('reads what the server writes, and writes it the same way', () => {
    const label = parseBackupLabel(TEXT);
    expect(label).toEqual({
      startLsn: parseLsn('0/2000028'),
      startSegment: '000000010000000000000002',
      checkpointLsn: parseLsn('0/2000060'),
      method: 'streamed',
      from: 'primary',
      startTime: '2026-11-22 11:15:00 UTC',
      label: "START TIME: it's a label",
      timeline: 10,
      stop: undefined,
    });
    expect(formatBackupLabel(label)).toBe(TEXT);
  });

  it('reads the stop position of a backup history file', () => {
    const history = TEXT.replace(
      'CHECKPOINT',
      'STOP WAL LOCATION: 1/A0 (file 0000000B0000000100000000)\nCHECKPOINT',
    ).concat('STOP TIME: 2026-11-22 11:16:00 UTC\nSTOP TIMELINE: 11\n');
    expect(parseBackupLabel(history).stop).toEqual({
      lsn: parseLsn('1/A0'),
      segment: '0000000B0000000100000000',
      time: '2026-11-22 11:16:00 UTC',
      timeline: 11,
    });
  });

  it('reads the older name of a primary, which PostgreSQL 13 writes', () => {
    expect(parseBackupLabel(TEXT.replace('FROM: primary', 'FROM: master')).from).toBe('primary');
    expect(parseBackupLabel(TEXT.replace('FROM: primary', 'FROM: standby')).from).toBe('standby');
  });

  it.each([
    ['START WAL LOCATION: 0/2000028', 'START WAL LOCATION: 2000028'],
    ['(file 000000010000000000000002)', ''],
    ['START TIMELINE: 10', 'START TIMELINE: 0'],
    ['BACKUP FROM: primary', 'BACKUP FROM: nowhere'],
    ['CHECKPOINT LOCATION: 0/2000060\n', ''],
  ])('refuses a label with %s changed', (from, to) => {
    expect(() => parseBackupLabel(TEXT.replace(from, to))).toThrow(/^backup_label /);
  });
});
