import { expect, test } from 'vitest';
import { parseWalFileName, recogniseWalFile } from '../../../src/domain/wal-file.ts';
import { caught } from '../../support/caught.ts';

test.each([
  ['000000010000000000000001', 'segment', 1, '00000000'],
  ['0000000A0000001600000FFF', 'segment', 10, '00000016'],
  ['FFFFFFFFFFFFFFFFFFFFFFFF', 'segment', 4294967295, 'FFFFFFFF'],
  ['000000010000000000000001.partial', 'partial', 1, '00000000'],
  ['000001000000000100000002.00000028.backup', 'backup-label', 256, '00000001'],
])('%s is a %s', (name, kind, timeline, log) => {
  expect(parseWalFileName(name)).toEqual({ kind, name, timeline, log });
});

test('a history file', () => {
  expect(parseWalFileName('0000000B.history')).toEqual({ kind: 'history', name: '0000000B.history', timeline: 11 });
});

test.each([
  '',
  '00000001',
  '00000000.history',
  '000000000000000000000001',
  '00000001000000000000000',
  '0000000100000000000000011',
  '00000001000000000000000a',
  '000000010000000000000001.part',
  '000000010000000000000001.0000028.backup',
  '000000010000000000000001.00000028.backup.old',
  '../000000010000000000000001',
  '000000010000000000000001\n',
  'RECOVERYXLOG',
  '00000002.history.tmp',
])('"%s" is none of PostgreSQL’s', (name) => {
  expect(recogniseWalFile(name)).toBeUndefined();
  expect(caught(() => parseWalFileName(name))).toMatchObject({
    code: 'value.invalid',
    hint: expect.stringContaining('%p'),
  });
});
