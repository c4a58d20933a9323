import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODEC_NAMES } from '../../../src/codec/codec.ts';
import { siteName } from '../../../src/domain/desired.ts';
import { instant } from '../../../src/domain/instant.ts';
import { backupId } from '../../../src/domain/observed.ts';
import { timelineId, timelineName } from '../../../src/domain/timeline.ts';
import { parseWalFileName } from '../../../src/domain/wal-file.ts';
import { newBackupId, parseBackupId } from '../../../src/repository/backup-id.ts';
import {
  backupPrefix,
  holdKey,
  identityKey,
  leaseKey,
  manifestKey,
  markerKey,
  packKey,
  packSumsKey,
  parseSiteKey,
  proofKey,
  setAsideKey,
  setAsidePrefix,
  walKey,
  walPrefix,
} from '../../../src/repository/layout.ts';
import { checkKey } from '../../../src/storage/object-key.ts';

const site = siteName('orders');
const hex = (digits: number): fc.Arbitrary<string> =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: digits, maxLength: digits })
    .map((each) => each.map((n) => n.toString(16)).join(''));
const upper = (digits: number): fc.Arbitrary<string> => hex(digits).map((text) => text.toUpperCase());
const timelines = fc.integer({ min: 1, max: 0xffff_ffff }).map((id) => timelineName(timelineId(id)));
const walFiles = fc
  .tuple(timelines, upper(16), fc.constantFrom('segment', 'partial', 'label', 'history'), upper(8))
  .map(([timeline, rest, kind, offset]) => {
    if (kind === 'history') return parseWalFileName(`${timeline}.history`);
    const suffix = kind === 'partial' ? '.partial' : kind === 'label' ? `.${offset}.backup` : '';
    return parseWalFileName(timeline + rest + suffix);
  });
const moments = fc.integer({ min: 0, max: 4_000_000_000_000 }).map(instant);
const backups = fc
  .tuple(moments, fc.uint8Array({ minLength: 4, maxLength: 4 }))
  .map(([at, random]) => newBackupId(at, () => random));
const forms = fc.record({ codec: fc.constantFrom(...CODEC_NAMES), message: fc.boolean() });

describe('the layout of a repository', () => {
  it('reads back every key of a WAL file', () => {
    fc.assert(
      fc.property(walFiles, hex(64), forms, moments, (file, sha256, form, at) => {
        const key = walKey(site, file, { sha256, ...form });
        checkKey(key);
        expect(key.startsWith(walPrefix(site, file))).toBe(true);
        expect(parseSiteKey(site, key)).toEqual({ kind: 'wal', file, sha256, form });
        const aside = setAsideKey(site, file, { sha256, ...form }, at);
        checkKey(aside);
        expect(aside.startsWith(setAsidePrefix(site, file, sha256))).toBe(true);
        expect(parseSiteKey(site, aside)).toEqual({ kind: 'set-aside', file, sha256, at });
      }),
    );
  });

  it('reads back every key of a backup', () => {
    fc.assert(
      fc.property(backups, fc.integer({ min: 0, max: 99_999_999 }), forms, moments, (backup, number, form, at) => {
        const pairs = [
          [markerKey(site, backup), { kind: 'marker', backup }],
          [manifestKey(site, backup, form), { kind: 'manifest', backup, form }],
          [packKey(site, { backup, number }), { kind: 'pack', pack: { backup, number } }],
          [
            packKey(site, { backup, number, encrypted: true }),
            { kind: 'pack', pack: { backup, number, encrypted: true } },
          ],
          [packSumsKey(site, backup), { kind: 'pack-sums', backup }],
          [holdKey(site, backup, 'year-end'), { kind: 'hold', backup, name: 'year-end' }],
          [proofKey(site, backup, at), { kind: 'proof', backup, at }],
          [`${backupPrefix(site, backup)}notes.txt`, { kind: 'in-backup', backup }],
          [leaseKey(site, number), { kind: 'lease', generation: number }],
          [identityKey(site), { kind: 'identity' }],
        ] as const;
        for (const [key, parsed] of pairs) {
          checkKey(key);
          expect(parseSiteKey(site, key)).toEqual(parsed);
        }
        expect(parseBackupId(backup)).toBe(backup);
      }),
    );
  });

  it('sorts backup ids by start time', () => {
    fc.assert(
      fc.property(moments, moments, (a, b) => {
        const earlier = newBackupId(instant(Math.min(a, b)), () => new Uint8Array(4));
        const later = newBackupId(instant(Math.max(a, b)), () => new Uint8Array(4));
        expect(earlier <= later).toBe(true);
      }),
    );
    expect(newBackupId(instant(Date.UTC(2026, 10, 22, 2, 3, 4, 567)), () => new Uint8Array([0, 171, 205, 239]))).toBe(
      '20261122T020304Z-00abcdef',
    );
  });

  it('keeps the partial and backup files of a segment apart from it', () => {
    const segment = parseWalFileName('00000001000000000000000A');
    const partial = parseWalFileName('00000001000000000000000A.partial');
    const key = walKey(site, partial, { sha256: 'a'.repeat(64), codec: 'none', message: false });
    expect(key.startsWith(walPrefix(site, segment))).toBe(false);
  });

  it('knows the hash of a WAL object whose encoding it does not know', () => {
    const key = `${walPrefix(site, parseWalFileName('0000000A.history'))}${'b'.repeat(64)}.br.pgp`;
    expect(parseSiteKey(site, key)).toMatchObject({ kind: 'wal', sha256: 'b'.repeat(64), form: undefined });
  });

  it.each([
    'sites/orders/wal/00000002/00000000/000000010000000000000001-' + 'a'.repeat(64) + '.zst',
    'sites/orders/wal/00000001/00000001/000000010000000000000001-' + 'a'.repeat(64) + '.zst',
    'sites/orders/wal/00000001/000000010000000000000001-' + 'a'.repeat(64) + '.zst',
    'sites/orders/wal/00000001/00000000/00000001.history-' + 'a'.repeat(64) + '.zst',
    'sites/orders/wal/00000001/00000000/000000010000000000000001-' + 'a'.repeat(63) + '.zst',
    'sites/orders/wal/00000001/00000000/000000010000000000000001-' + 'A'.repeat(64) + '.zst',
    'sites/orders/backups/20261122/backup.json',
    'sites/orders/packs/20261122T020304Z-00abcdef/1.pack',
    'sites/orders/packs/20261122T020304Z-00abcdef/SHA256SUMS.bak',
    'sites/other/site.json',
    'sites/orders/lease/1.json',
    'sites/orders/catalogue/x',
    'hoard.json',
  ])('takes %s for somebody else’s', (key) => {
    expect(parseSiteKey(site, key)).toBeUndefined();
  });

  it('refuses what is no backup id', () => {
    expect(() => parseBackupId('../../etc')).toThrow('is not a backup id');
    expect(() => parseBackupId(`${backupId('20261122T020304Z-00abcdef')}/`)).toThrow('is not a backup id');
  });
});
