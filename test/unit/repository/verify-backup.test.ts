import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CLOSING_SUM_BYTES } from '../../../src/codec/openpgp/closing-sum.ts';
import type { VerifiedBackup } from '../../../src/domain/verification.ts';
import { parseWalFileName } from '../../../src/domain/wal-file.ts';
import type { BackupMarker } from '../../../src/repository/backup-marker.ts';
import { createChunkIndex } from '../../../src/repository/chunk-index.ts';
import { markerKey, packKey, packSumsKey, walPrefix } from '../../../src/repository/layout.ts';
import type { SiteRepository } from '../../../src/repository/site-repository.ts';
import { verifyBackup } from '../../../src/repository/verify-backup.ts';
import { VerifyFindings } from '../../../src/repository/verify-findings.ts';
import { verifyWal } from '../../../src/repository/verify-wal.ts';
import { findWal } from '../../../src/repository/wal-objects.ts';
import { createRecorder } from '../../support/recorder.ts';
import { codeOf, nameOf, storeText } from '../../support/repository-objects.ts';
import { commitSmallBackup } from '../../support/small-backup.ts';
import {
  calm,
  openTestRepository,
  type TemporaryRepository,
  temporaryRepository,
} from '../../support/temporary-repository.ts';
import { type TestKey, testEncryption, testKey } from '../../support/test-keys.ts';

let anna: TestKey;
let ben: TestKey;
let host: TestKey;
beforeAll(async () => {
  anna = await testKey('anna');
  ben = await testKey('ben');
  host = await testKey('host');
});

let place: TemporaryRepository;
beforeEach(async () => {
  place = await temporaryRepository();
});
afterEach(() => place[Symbol.asyncDispose]());

const seenBy = (keys: Parameters<typeof testEncryption>[0]): Promise<SiteRepository> =>
  openTestRepository(place.directory, { encryption: testEncryption(keys) });

const random = (size: number): Buffer => Buffer.from(crypto.getRandomValues(new Uint8Array(size)));

/** A segment's worth of zeros: quick to compress. */
const SEGMENT = '\0'.repeat(16 * 2 ** 20);
const NEEDED = nameOf(2);

/** A backup of some packs, with its one segment, that shares a pack with an earlier one. */
async function backUp(repo: SiteRepository): Promise<{ earlier: BackupMarker; marker: BackupMarker }> {
  const index = createChunkIndex();
  const shared = ['base/1/1259', random(3000)] as const;
  const common = { index, packBytes: 4000 };
  const earlier = await commitSmallBackup(repo, { ...common, files: new Map([shared]), startTime: 1_000_000 });
  const files = new Map([shared, ['base/1/1260', random(3000)], ['base/1/1261', random(3000)]]);
  const marker = await commitSmallBackup(repo, { ...common, files, earlier: [earlier], startTime: 2_000_000 });
  await storeText(repo, NEEDED, SEGMENT);
  return { earlier, marker };
}

const verify = (
  repo: SiteRepository,
  { id }: BackupMarker,
  options: { readonly privateKey?: boolean; readonly storedOnly?: boolean } = {},
): Promise<VerifiedBackup> =>
  verifyBackup(repo, id, {
    privateKey: options.privateKey === true,
    storedOnly: options.storedOnly === true,
    reporter: createRecorder(),
    signal: calm(),
  });

const found = ({ findings }: VerifiedBackup): readonly (readonly [string, string])[] =>
  findings.map(({ kind, key }) => [kind, key]);

/** The same, in an order of their own. */
const sorted = (pairs: readonly (readonly string[])[]): readonly string[] =>
  pairs.map((pair) => pair.join(' ')).toSorted((a, b) => (a < b ? -1 : 1));

const onlyKey = async (repo: SiteRepository): Promise<string> => {
  const [object] = await findWal(repo, parseWalFileName(NEEDED), calm());
  return object?.key ?? '';
};

const flip = (at: number) => (bytes: Buffer) => bytes.fill((bytes[at] ?? 0) ^ 1, at, at + 1);

describe('a backup that is verified', () => {
  it('is whole, in stored bytes and content', async () => {
    const { earlier, marker } = await backUp(place.repo);
    const result = await verify(place.repo, marker);
    expect(marker.packGroups.map(({ backup }) => backup)).toEqual([earlier.id, marker.id]);
    expect(result).toMatchObject({
      encrypted: false,
      content: 'opened',
      stored: {
        objects: 4,
        bytes: marker.manifest.size + marker.packGroups.reduce((sum, each) => sum + each.bytes, 0),
      },
      opened: { files: 3, chunks: 3, bytes: 9000 },
      wal: { needed: 1, there: 1, verified: 1, opened: 1 },
      findings: [],
      notes: [],
    });
    expect(await verify(place.repo, marker, { storedOnly: true })).toMatchObject({
      content: 'not-asked',
      stored: { objects: 4 },
      opened: { files: 0 },
      // Not encrypted: only the hash of the content tells whether it is whole.
      wal: { needed: 1, there: 1, verified: 1, opened: 1 },
      findings: [],
    });
  });

  it('is verified by public keys alone as far as its stored bytes, and opened by a private one', async () => {
    const keys = { recipients: [anna], owners: [], signing: host };
    const writer = await seenBy(keys);
    const { marker } = await backUp(writer);
    expect(await verify(writer, marker)).toMatchObject({
      encrypted: true,
      content: 'no-private-key',
      stored: { objects: 4 },
      wal: { there: 1, verified: 1, opened: 0 },
      findings: [],
    });
    const owner = await seenBy({ ...keys, owners: [anna], trusted: [host] });
    expect(await verify(owner, marker, { privateKey: true })).toMatchObject({
      content: 'opened',
      opened: { files: 3 },
      wal: { opened: 1 },
      findings: [],
    });
    const stranger = await seenBy({ ...keys, owners: [ben] });
    const refused = await verify(stranger, marker, { privateKey: true });
    expect(refused).toMatchObject({ content: 'failed', stored: { objects: 4 } });
    expect(refused.findings.map(({ kind, code }) => `${kind} ${code}`)).toEqual([
      'unverifiable key.missing',
      'unverifiable key.missing',
    ]);
    const trusting = await seenBy({ ...keys, owners: [anna], trusted: [ben] });
    expect((await verify(trusting, marker, { privateKey: true })).findings.map(({ code }) => code)).toEqual([
      'object.untrusted',
      'object.untrusted',
    ]);
  });

  it.each([
    ['without a key', false],
    ['with one', true],
  ])(
    'shows each byte that is changed in its packs, their sums, manifest and marker (%s)',
    async (_name, privateKey) => {
      const repo = await seenBy({ recipients: [anna], owners: privateKey ? [anna] : [] });
      const { earlier, marker } = await backUp(repo);
      const [shared, own] = marker.packs;
      if (!shared || !own) throw new Error('the backup has too few packs');
      expect([shared.backup, own.backup]).toEqual([earlier.id, marker.id]);
      const sums = packSumsKey(repo.site, marker.id);
      const cases = [
        [packKey(repo.site, shared), packKey(repo.site, shared)],
        [packKey(repo.site, own), packKey(repo.site, own)],
        [marker.manifest.key, marker.manifest.key],
        [markerKey(repo.site, marker.id), markerKey(repo.site, marker.id)],
        // Which of the two is wrong, the hash or the pack, does not show in stored bytes.
        [sums, packKey(repo.site, own)],
      ] as const;
      for (const [key, named] of cases) {
        const whole = await readFile(place.pathOf(key));
        const places = [0, 40, Math.floor(whole.length / 2), whole.length - 1].filter((at) => key !== sums || at < 64);
        for (const at of places) {
          await place.rewrite(key, flip(at));
          const result = found(await verify(repo, marker, { privateKey }));
          const allowed = key === sums ? [sums, named] : [named];
          expect(result.length, `${key} at ${at}`).toBeGreaterThan(0);
          for (const [kind, each] of result) {
            expect(kind).toBe('damaged');
            expect(allowed).toContain(each);
          }
          await place.rewrite(key, () => Buffer.from(whole));
        }
      }
      expect(found(await verify(repo, marker, { privateKey }))).toEqual([]);
    },
  );

  it('shows everything that is missing', async () => {
    const { repo } = place;
    const { marker } = await backUp(repo);
    const [wal] = await findWal(repo, parseWalFileName(NEEDED), calm());
    const gone = [
      ...marker.packs.slice(1).map((pack) => packKey(repo.site, pack)),
      marker.manifest.key,
      wal?.key ?? '',
    ];
    for (const key of gone) await rm(place.pathOf(key));
    const expected = [...gone.slice(0, -1), walPrefix(repo.site, parseWalFileName(NEEDED))].map((key) => [
      'damaged',
      key,
    ]);
    expect(sorted(found(await verify(repo, marker)))).toEqual(sorted(expected));
    await rm(place.pathOf(packSumsKey(repo.site, marker.id)));
    expect(sorted(found(await verify(repo, marker, { storedOnly: true })))).toEqual(
      sorted([...expected, ['unverifiable', packSumsKey(repo.site, marker.id)]]),
    );
  });

  it('without sums is verified by its content, or not at all', async () => {
    const keys = { recipients: [anna], owners: [] };
    const writer = await seenBy(keys);
    const { marker } = await backUp(writer);
    await rm(place.pathOf(packSumsKey(writer.site, marker.id)));
    const sums = packSumsKey(writer.site, marker.id);
    expect(found(await verify(writer, marker))).toEqual([['unverifiable', sums]]);
    const owner = await seenBy({ ...keys, owners: [anna] });
    const opened = await verify(owner, marker, { privateKey: true });
    expect(opened).toMatchObject({ content: 'opened', findings: [], stored: { objects: 2 } });
    expect(opened.notes).toEqual([expect.stringContaining('verified by their content')]);
    const pack = packKey(writer.site, marker.packs[1] ?? marker.packs[0]!);
    await place.rewrite(pack, (bytes) => bytes.subarray(1));
    expect(found(await verify(writer, marker))).toContainEqual(['damaged', `${dirname(pack)}/`]);
    expect(found(await verify(owner, marker, { privateKey: true }))).toContainEqual(['damaged', pack]);
  });

  it('names every damaged chunk, up to a bound, and damage is never left out', async () => {
    const { repo } = place;
    const files = new Map(Array.from({ length: 120 }, (_, index) => [`base/1/${index}`, random(100)]));
    const marker = await commitSmallBackup(repo, { files });
    await storeText(repo, NEEDED, SEGMENT);
    const [pack] = marker.packs;
    if (!pack) throw new Error('no pack');
    await place.rewrite(packKey(repo.site, pack), (bytes) => Buffer.alloc(bytes.length));
    const result = await verify(repo, marker);
    expect(result.findings).toHaveLength(100);
    expect(result.findingsLeftOut).toBe(21);
    expect(result.opened).toMatchObject({ files: 120, chunks: 0 });
    await place.rewrite(packKey(repo.site, pack), () => Buffer.alloc(0));
    expect((await verify(repo, marker)).findingsLeftOut).toBe(21);
  });

  it('shows WAL of two contents, of a wrong length, and damaged', async () => {
    const { repo } = place;
    const { marker } = await backUp(repo);
    const [object] = await findWal(repo, parseWalFileName(NEEDED), calm());
    const key = object?.key ?? '';
    await place.rewrite(key, (bytes) => flip(bytes.length >> 1)(bytes));
    expect(found(await verify(repo, marker))).toEqual([['damaged', key]]);
    await rm(place.pathOf(key));
    await storeText(repo, NEEDED, 'short');
    expect((await verify(repo, marker)).findings).toMatchObject([
      { message: expect.stringContaining('5 plain bytes') },
    ]);
    const other = key.replace(/-[0-9a-f]{64}/, `-${'a'.repeat(64)}`);
    await mkdir(dirname(place.pathOf(other)), { recursive: true });
    await writeFile(place.pathOf(other), 'other');
    expect((await verify(repo, marker)).findings).toMatchObject([{ code: 'wal.conflict' }]);
  });

  it('shows every bit that is flipped in encrypted WAL, and every tail that is cut, without a private key', async () => {
    const keys = { recipients: [anna, ben], owners: [], signing: host };
    const writer = await seenBy(keys);
    const { marker } = await backUp(writer);
    const [object] = await findWal(writer, parseWalFileName(NEEDED), calm());
    const key = object?.key ?? '';
    const whole = await readFile(place.pathOf(key));
    expect(whole.length).toBeLessThan(5000);
    // Only this object: the rest of the backup has other tests.
    const wal = async (): Promise<{ verified: number; kinds: readonly string[] }> => {
      const findings = new VerifyFindings();
      const work = { repo: writer, marker, findings, signal: calm(), onBytes: () => undefined };
      const { verified } = await verifyWal(work, { storedOnly: false, key: false });
      return { verified, kinds: findings.result().findings.map((finding) => finding.kind) };
    };
    expect(await wal()).toEqual({ verified: 1, kinds: [] });
    for (let at = 0; at < whole.length; at += 1) {
      await place.rewrite(key, () => flip(at)(Buffer.from(whole)));
      expect(await wal(), `byte ${at}`).toMatchObject({ verified: 0, kinds: [expect.any(String)] });
      await place.rewrite(key, () => whole.subarray(0, at));
      expect(await wal(), `cut at ${at}`).toMatchObject({ verified: 0, kinds: [expect.any(String)] });
    }
    await place.rewrite(key, (bytes) => Buffer.concat([bytes, whole]));
    expect((await wal()).verified).toBe(0);
    await place.rewrite(key, () => flip(whole.length >> 1)(Buffer.from(whole)));
    expect(await verify(writer, marker)).toMatchObject({
      findings: [{ kind: 'damaged', key, message: expect.stringContaining('stored bytes') }],
    });
    // What is whole but for the sum is opened by who has a key, and not verified by who has none.
    await place.rewrite(key, () => whole.subarray(0, -CLOSING_SUM_BYTES));
    expect((await verify(writer, marker)).findings).toMatchObject([{ kind: 'unverifiable', key }]);
    const owner = await seenBy({ ...keys, owners: [ben], trusted: [host] });
    expect(await verify(owner, marker, { privateKey: true })).toMatchObject({ findings: [], wal: { opened: 1 } });
    expect((await verify(owner, marker, { privateKey: true, storedOnly: true })).findings).toHaveLength(1);
  });

  it('is verified in every form of its WAL, by the stored bytes where the key of another form is there', async () => {
    const toAnna = await seenBy({ recipients: [anna], owners: [], signing: host });
    const { marker } = await backUp(toAnna);
    const key = await onlyKey(toAnna);
    const bytes = await readFile(place.pathOf(key));
    await rm(place.pathOf(key));
    await storeText(await seenBy({ recipients: [ben], owners: [], signing: host }), NEEDED, SEGMENT);
    const other = await onlyKey(toAnna);
    expect(other).not.toBe(key);
    await writeFile(place.pathOf(key), bytes);
    const opens = (owner: TestKey) => seenBy({ recipients: [anna], owners: [owner], signing: host, trusted: [host] });
    const wal = async (repo: SiteRepository, keys: boolean) => {
      const findings = new VerifyFindings();
      const work = { repo, marker, findings, signal: calm(), onBytes: () => undefined };
      const counted = await verifyWal(work, { storedOnly: false, key: keys });
      return { ...counted, found: findings.result().findings.map((each) => [each.kind, each.key, each.code]) };
    };
    const one = { needed: 1, there: 1, verified: 1, opened: 1, found: [] };
    for (const owner of [anna, ben]) expect(await wal(await opens(owner), true)).toEqual(one);
    expect(await wal(toAnna, false)).toEqual({ ...one, opened: 0 });
    for (const [damaged, owner, locked, otherOwner] of [
      [key, anna, other, ben],
      [other, ben, key, anna],
    ] as const) {
      const whole = await readFile(place.pathOf(damaged));
      await place.rewrite(damaged, (stored) => flip(stored.length >> 1)(stored));
      const found = [['damaged', damaged, 'object.corrupt']];
      expect(await wal(toAnna, false)).toEqual({ ...one, opened: 0, found });
      expect(await wal(await opens(otherOwner), true)).toEqual({ ...one, found });
      // Nothing that this owner could open is left.
      const both = [...found, ['unverifiable', locked, 'key.missing']];
      expect(await wal(await opens(owner), true)).toEqual({ ...one, verified: 0, opened: 0, found: both });
      await writeFile(place.pathOf(damaged), whole);
    }
    // A stranger's key opens neither: both are named, whole as they may be.
    const found = [key, other].toSorted().map((each) => ['unverifiable', each, 'key.missing']);
    expect(await wal(await opens(host), true)).toEqual({ ...one, verified: 0, opened: 0, found });
  });

  it('that is removed meanwhile is not called damaged', async () => {
    const { repo } = place;
    const { marker } = await backUp(repo);
    const vanishing: SiteRepository = {
      ...repo,
      store: {
        ...repo.store,
        get: async (key, options) => {
          if (key === marker.manifest.key) {
            await rm(place.pathOf(markerKey(repo.site, marker.id)));
            await rm(place.pathOf(key));
          }
          return repo.store.get(key, options);
        },
      },
    };
    expect(await codeOf(verify(vanishing, marker))).toBe('backup.not-found');
  });
});
