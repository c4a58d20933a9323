import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isFailure } from '../../../src/domain/failure.ts';
import { segmentNumber } from '../../../src/domain/segment.ts';
import { parseWalFileName } from '../../../src/domain/wal-file.ts';
import type { BackupMarker } from '../../../src/repository/backup-marker.ts';
import { readMarker } from '../../../src/repository/backup-marker.ts';
import { readChunks } from '../../../src/repository/chunk-reader.ts';
import { claimIdentity } from '../../../src/repository/identity.ts';
import { packKey } from '../../../src/repository/layout.ts';
import { loadChunkIndex } from '../../../src/repository/load-chunk-index.ts';
import type { ManifestFile } from '../../../src/repository/manifest-types.ts';
import { observeRepository } from '../../../src/repository/observe-repository.ts';
import { readManifest } from '../../../src/repository/read-manifest.ts';
import { removeWal } from '../../../src/repository/remove.ts';
import type { SiteRepository } from '../../../src/repository/site-repository.ts';
import { findWal, readWal, storeWal, type WalContent } from '../../../src/repository/wal-objects.ts';
import { commitSmallBackup, TEST_IDENTITY } from '../../support/small-backup.ts';
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
let cacheDirectory: string;
beforeEach(async () => {
  place = await temporaryRepository();
  cacheDirectory = await mkdtemp(join(tmpdir(), 'hoard-cache-'));
});
afterEach(async () => {
  await place[Symbol.asyncDispose]();
  await rm(cacheDirectory, { recursive: true, force: true });
});

type Keys = Parameters<typeof testEncryption>[0];

/** The same repository, as a host with these keys sees it. */
const seenBy = (keys: Keys, cache = true): Promise<SiteRepository> =>
  openTestRepository(place.directory, { encryption: testEncryption(keys), ...(cache && { cacheDirectory }) });

async function filesOf(repo: SiteRepository, marker: BackupMarker): Promise<Map<string, Buffer>> {
  const files: ManifestFile[] = [];
  for await (const line of readManifest(repo, marker, calm())) if (line.kind === 'file') files.push(line);
  const requests = files.flatMap(({ path, chunks }) => chunks.map((chunk) => ({ chunk, file: path })));
  const contents = new Map<string, Buffer>();
  for await (const { request, plain } of readChunks(repo, requests, calm()))
    contents.set(request.file, Buffer.concat([contents.get(request.file) ?? Buffer.alloc(0), plain]));
  return contents;
}

const FILES = new Map([
  ['base/1/1259', Buffer.from('the catalogue of catalogues '.repeat(3000))],
  ['base/1/2', Buffer.from(crypto.getRandomValues(new Uint8Array(3000)))],
]);

describe('an encrypted backup', () => {
  it('is taken, observed and built upon with public keys alone, and read by each recipient', async () => {
    const writer = await seenBy({ recipients: [anna, ben], owners: [] });
    const first = await commitSmallBackup(writer, { files: FILES, startTime: 1_000_000 });
    expect(first.manifest.key).toMatch(/\.zst\.pgp$/);
    const observed = await observeRepository(writer, calm());
    expect(observed.backups).toMatchObject([
      { id: first.id, packs: [{ backup: first.id, number: 0, encrypted: true }] },
    ]);
    const { index, unreadable } = await loadChunkIndex(writer, observed, calm());
    expect([index.count, unreadable]).toEqual([2, undefined]);
    const more = new Map([...FILES, ['base/1/3', Buffer.from('a new table')]]);
    const second = await commitSmallBackup(writer, { files: more, startTime: 2_000_000, index, earlier: [first] });
    expect(second.packGroups.map(({ backup }) => backup)).toEqual([first.id, second.id]);
    for (const owner of [anna, ben]) {
      const reader = await seenBy({ recipients: [anna, ben], owners: [owner] }, false);
      expect(await filesOf(reader, await readMarker(reader, second.id, calm()))).toEqual(more);
    }
    await expect(filesOf(writer, second)).rejects.toMatchObject({ code: 'key.missing' });
  });

  it('holds nothing in the clear', async () => {
    const secret = Buffer.from('card number 4111 1111 1111 1111');
    const writer = await seenBy({ recipients: [anna], owners: [] });
    await commitSmallBackup(writer, { files: new Map([['base/1/secret-file', secret]]) });
    for (const name of await readdir(place.directory, { recursive: true, withFileTypes: true })) {
      if (!name.isFile()) continue;
      const bytes = await readFile(join(name.parentPath, name.name));
      expect(bytes.includes('4111') || bytes.includes('secret-file'), name.name).toBe(false);
    }
  });

  it('stores everything anew where neither a copy of the manifest nor a private key is at hand, and says so', async () => {
    const writer = await seenBy({ recipients: [anna], owners: [] });
    const { id } = await commitSmallBackup(writer, { files: FILES });
    const observed = await observeRepository(writer, calm());
    await rm(join(cacheDirectory, 'manifests'), { recursive: true });
    expect(await loadChunkIndex(writer, observed, calm())).toMatchObject({ index: { count: 0 }, unreadable: id });
    const owner = await seenBy({ recipients: [anna], owners: [anna] });
    expect(await loadChunkIndex(owner, observed, calm())).toMatchObject({ index: { count: 2 }, unreadable: undefined });
  });

  it('does not believe a damaged copy of a manifest', async () => {
    const keys = { recipients: [anna], owners: [anna] };
    const writer = await seenBy(keys);
    await commitSmallBackup(writer, { files: FILES });
    const observed = await observeRepository(writer, calm());
    const folder = join(cacheDirectory, 'manifests', writer.site);
    const [name = ''] = await readdir(folder);
    const whole = await readFile(join(folder, name));
    for (const damaged of [whole.subarray(0, -1), Buffer.concat([whole, whole]), Buffer.from(whole).fill(0, 9, 12)]) {
      await writeFile(join(folder, name), damaged);
      // From the repository, then, by the private key.
      expect(await loadChunkIndex(writer, observed, calm())).toMatchObject({ index: { count: 2 } });
      const without = await seenBy({ ...keys, owners: [] });
      expect(await loadChunkIndex(without, observed, calm())).toMatchObject({ index: { count: 0 } });
    }
  });

  it.each<[string, Keys['recipients'] | undefined, Keys['recipients'] | undefined, number]>([
    ['the same recipients', ['anna', 'ben'], ['anna', 'ben'], 2],
    ['a retired recipient', ['anna', 'ben'], ['ben'], 2],
    ['an added recipient', ['anna'], ['anna', 'ben'], 0],
    ['other recipients', ['anna'], ['ben'], 0],
    ['encryption declared later', undefined, ['anna'], 0],
    ['encryption no longer declared', ['anna'], undefined, 0],
  ] as never)('with %s, reuses only what every present recipient can open', async (_name, before, after, count) => {
    const keysOf = (names: unknown): readonly TestKey[] =>
      (names as readonly string[]).map((name) => ({ anna, ben })[name as 'anna' | 'ben']);
    const open = (names: unknown): Promise<SiteRepository> =>
      names === undefined
        ? openTestRepository(place.directory, { cacheDirectory })
        : seenBy({ recipients: keysOf(names), owners: [anna, ben] });
    const writer = await open(before);
    await commitSmallBackup(writer, { files: FILES });
    const observed = await observeRepository(writer, calm());
    expect((await loadChunkIndex(await open(after), observed, calm())).index.count).toBe(count);
  });

  it('is refused with every byte of its manifest and packs damaged', async () => {
    const keys = { recipients: [anna], owners: [anna], signing: host, trusted: [host] };
    const repo = await seenBy(keys);
    const marker = await commitSmallBackup(repo, { files: new Map([['base/1/1259', Buffer.from('catalogue')]]) });
    const [pack] = marker.packs;
    for (const key of [marker.manifest.key, pack ? packKey(repo.site, pack) : '']) {
      const whole = await readFile(place.pathOf(key));
      for (let index = 0; index < whole.length; index += 1) {
        const flipped = Buffer.from(whole);
        flipped[index] = (flipped[index] ?? 0) ^ (1 << (index % 8));
        for (const damaged of [flipped, whole.subarray(0, index)]) {
          await place.rewrite(key, () => damaged);
          const failure = await filesOf(repo, marker).catch((error: unknown) => error);
          const expected = isFailure(failure, 'object.corrupt', 'object.untrusted', 'key.missing');
          expect(expected, `byte ${index} of ${key}: ${String(failure)}`).toBe(true);
        }
      }
      await place.rewrite(key, () => whole);
    }
    await filesOf(repo, marker);
  });

  it('of another signer, or of none, is refused where a signature is asked for', async () => {
    const trusting = { recipients: [anna], owners: [anna], trusted: [host] };
    for (const signing of [undefined, ben]) {
      const writer = await seenBy({ recipients: [anna], owners: [], ...(signing && { signing }) });
      const marker = await commitSmallBackup(writer, { files: FILES });
      await expect(filesOf(await seenBy(trusting), marker)).rejects.toMatchObject({ code: 'object.untrusted' });
    }
    const plain = await commitSmallBackup(place.repo, { files: FILES });
    await expect(filesOf(await seenBy(trusting), plain)).rejects.toMatchObject({ code: 'object.untrusted' });
  });

  it('of another backup does not pass under its name, though it is signed', async () => {
    const keys = { recipients: [anna], owners: [anna], signing: host, trusted: [host] };
    const repo = await seenBy(keys);
    const old = await commitSmallBackup(repo, { files: FILES, startTime: 1_000_000 });
    const young = await commitSmallBackup(repo, { files: FILES, startTime: 2_000_000 });
    await place.rewrite(young.manifest.key, () => Buffer.alloc(0));
    await writeFile(place.pathOf(young.manifest.key), await readFile(place.pathOf(old.manifest.key)));
    const { size, sha256 } = old.manifest;
    const forged = { ...young, manifest: { ...young.manifest, size, sha256 } };
    await expect(filesOf(repo, forged)).rejects.toMatchObject({ name: 'Failure' });
  });
});

describe('encrypted WAL', () => {
  const SEGMENT = parseWalFileName('000000010000000000000003');
  const HISTORY = parseWalFileName('00000002.history');
  const LIMIT = 2 ** 20;

  const walContent = (text: string): WalContent => ({
    sha256: createHash('sha256').update(text).digest('hex'),
    size: text.length,
    async *open() {
      yield Buffer.from(text);
    },
  });

  async function contentOf(repo: SiteRepository, file: typeof SEGMENT): Promise<Buffer> {
    const [object] = await findWal(repo, file, calm());
    const pieces: Uint8Array[] = [];
    if (object) for await (const piece of readWal(repo, object, LIMIT, calm())) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  it('comes back for a recipient; its history is planned with by public keys alone', async () => {
    const keys = { recipients: [anna], owners: [], signing: host };
    const writer = await seenBy(keys);
    await claimIdentity(writer, TEST_IDENTITY, calm());
    const segment = walContent('records '.repeat(5000));
    const history = walContent('1\t0/3000000\tno recovery target specified\n');
    for (const round of ['stored', 'already-there']) {
      expect(await storeWal(writer, SEGMENT, segment, calm())).toBe(round);
      expect(await storeWal(writer, HISTORY, history, calm())).toBe(round);
    }
    await commitSmallBackup(writer, { files: FILES });
    expect([...(await observeRepository(writer, calm())).histories.keys()]).toEqual([2]);
    await expect(contentOf(writer, SEGMENT)).rejects.toMatchObject({ code: 'key.missing' });
    const owner = await seenBy({ ...keys, owners: [anna], trusted: [host] });
    expect((await contentOf(owner, SEGMENT)).toString()).toBe('records '.repeat(5000));
    expect((await contentOf(owner, HISTORY)).toString()).toContain('no recovery target');
  });

  it('says in its name that it is of the same recipients, and at its beginning who they are', async () => {
    const [first, second, both] = await Promise.all([
      seenBy({ recipients: [anna], owners: [] }),
      seenBy({ recipients: [ben], owners: [] }),
      seenBy({ recipients: [ben, anna], owners: [], signing: host }),
    ]);
    await claimIdentity(first, TEST_IDENTITY, calm());
    const name = (number: number): string => `00000001000000000000000${number}`;
    const writers = [first, first, second, both, first, place.repo];
    for (const [index, writer] of writers.entries())
      await storeWal(writer, parseWalFileName(name(index + 1)), walContent(`segment ${index}`), calm());
    await storeWal(both, HISTORY, walContent('1\t0/3000000\tno recovery target specified\n'), calm());
    const idsOf = async (repo: SiteRepository): Promise<readonly string[]> =>
      ((await repo.encryptor?.())?.recipients ?? []).map(({ encryptionKey }) => encryptionKey.slice(-16)).toSorted();
    const seen = async () => (await observeRepository(second, calm())).walRecipients;
    const expected = [
      { keyIds: await idsOf(first), files: 3, first: name(1), last: name(5) },
      { keyIds: await idsOf(second), files: 1, first: name(3), last: name(3) },
      { keyIds: await idsOf(both), files: 1, first: name(4), last: name(4) },
    ];
    expect(await seen()).toEqual(expected);
    expect(expected[2]?.keyIds).toHaveLength(2);
    // What cannot be read is not known, and makes nothing fail.
    const [damaged] = await findWal(second, parseWalFileName(name(3)), calm());
    await place.rewrite(damaged?.key ?? '', (bytes) => bytes.fill(0));
    expect(await seen()).toEqual(expected.map((set, index) => (index === 1 ? { ...set, keyIds: undefined } : set)));
  });

  it('is seen and pruned by its name, with public keys alone', async () => {
    const writer = await seenBy({ recipients: [anna], owners: [] });
    await claimIdentity(writer, TEST_IDENTITY, calm());
    for (const name of ['000000010000000000000003', '000000010000000000000004'])
      await storeWal(writer, parseWalFileName(name), walContent(name), calm());
    const stored = async () =>
      ((await observeRepository(writer, calm())).wal.get(SEGMENT.timeline) ?? []).map(({ number }) => number);
    expect(await stored()).toEqual([3, 4]);
    expect(await removeWal(writer, SEGMENT.timeline, segmentNumber(3), segmentNumber(3), calm())).toMatchObject({
      removed: 1,
    });
    expect(await stored()).toEqual([4]);
  });

  it('that somebody else has put there is refused where a signature is asked for', async () => {
    const trusting = await seenBy({ recipients: [anna], owners: [anna], trusted: [host] });
    const forger = await seenBy({ recipients: [anna], owners: [], signing: ben });
    await storeWal(forger, SEGMENT, walContent('forged'), calm());
    await storeWal(place.repo, HISTORY, walContent('1\t0/3000000\tforged\n'), calm());
    for (const file of [SEGMENT, HISTORY]) {
      await expect(contentOf(trusting, file)).rejects.toMatchObject({ code: 'object.untrusted' });
    }
  });
});
