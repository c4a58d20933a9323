import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODEC_NAMES } from '../../../src/codec/codec.ts';
import { type ChunkRequest, readChunks } from '../../../src/repository/chunk-reader.ts';
import { fileHash } from '../../../src/repository/file-hash.ts';
import { loadChunkIndex } from '../../../src/repository/load-chunk-index.ts';
import type { ManifestFile, ManifestLine } from '../../../src/repository/manifest-types.ts';
import { observeRepository } from '../../../src/repository/observe-repository.ts';
import { readManifest } from '../../../src/repository/read-manifest.ts';
import type { SiteRepository } from '../../../src/repository/site-repository.ts';
import { commitSmallBackup, type SmallBackup, storeSmallBackup } from '../../support/small-backup.ts';
import { calm, temporaryRepository } from '../../support/temporary-repository.ts';

type Manifest = Parameters<typeof readManifest>[1];

async function linesOf(repo: SiteRepository, marker: Manifest): Promise<readonly ManifestLine[]> {
  const lines: ManifestLine[] = [];
  for await (const line of readManifest(repo, marker, calm())) lines.push(line);
  return lines;
}

async function filesOf(repo: SiteRepository, marker: Manifest): Promise<ReadonlyMap<string, Buffer>> {
  const files = (await linesOf(repo, marker)).filter((line): line is ManifestFile => line.kind === 'file');
  const pieces = new Map<string, Uint8Array[]>(files.map(({ path }) => [path, []]));
  const requests = files.flatMap(({ path, chunks }) => chunks.map((chunk): ChunkRequest => ({ chunk, file: path })));
  for await (const { request, plain } of readChunks(repo, requests, calm())) pieces.get(request.file)?.push(plain);
  const whole = new Map([...pieces].map(([path, each]) => [path, Buffer.concat(each)]));
  for (const { sha256, chunks } of files) expect(sha256).toBe(fileHash(chunks));
  return whole;
}

const contents = fc.uint8Array({ maxLength: 5000 }).map((bytes) => Buffer.from(bytes));
const repetitive = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 20_000 }))
  .map(([byte, size]) => Buffer.alloc(size, byte));
const names = fc.stringMatching(/^[a-z0-9äé _.-]{1,20}$/).filter((name) => name !== '.' && name !== '..');
const paths = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const trees = fc
  .dictionary(paths, fc.oneof(contents, repetitive), { maxKeys: 12 })
  .map((tree) => new Map(Object.entries(tree)));

/** Cuts a size into pieces by the given weights. */
const cut =
  (weights: readonly number[]) =>
  (size: number): readonly number[] => {
    const sizes: number[] = [];
    let left = size;
    for (let index = 0; left > 0; index += 1) {
      const next = Math.min(left, weights[index % weights.length] ?? left);
      sizes.push(next);
      left -= next;
    }
    return sizes;
  };

describe('a stored backup', () => {
  it.each(CODEC_NAMES)('gives back any files in any chunking (%s)', async (algorithm) => {
    await using place = await temporaryRepository({ algorithm });
    await fc.assert(
      fc.asyncProperty(
        trees,
        fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 4000 }),
        async (files, weights, packBytes) => {
          const given: SmallBackup = {
            files,
            chunksOf: cut(weights),
            packBytes,
            symlinks: new Map([['pg_tblspc/16384', '/mnt/fast']]),
          };
          const marker = await storeSmallBackup(place.repo, given);
          expect(await filesOf(place.repo, marker)).toEqual(files);
          expect((await linesOf(place.repo, marker)).filter(({ kind }) => kind === 'symlink')).toEqual([
            { kind: 'symlink', path: 'pg_tblspc/16384', target: '/mnt/fast' },
          ]);
        },
      ),
      { numRuns: Number(process.env['HOARD_SLOW_CASES'] ?? (algorithm === 'lzma' ? 10 : 40)) },
    );
  });

  it('stores the second time only what changed, and any earlier backup stays whole', async () => {
    await using place = await temporaryRepository();
    const random = Buffer.from(place.repo.random(8 * 2 ** 20));
    const first = await commitSmallBackup(place.repo, { files: new Map([['base/1/2', random]]), startTime: 1_000_000 });
    const changed = Buffer.from(random);
    changed[3 * 2 ** 20] = (changed[3 * 2 ** 20] ?? 0) ^ 1;
    const observed = await observeRepository(place.repo, calm());
    const { index } = await loadChunkIndex(place.repo, observed, calm());
    expect(index.count).toBe(8);
    const second = await commitSmallBackup(place.repo, {
      files: new Map([['base/1/2', changed]]),
      startTime: 2_000_000,
      index,
      earlier: [first],
    });
    expect(second.storedBytes).toBeLessThan(1.1 * 2 ** 20);
    expect(second.packs.map(({ backup }) => backup)).toEqual([first.id, second.id]);
    expect(await filesOf(place.repo, first)).toEqual(new Map([['base/1/2', random]]));
    expect(await filesOf(place.repo, second)).toEqual(new Map([['base/1/2', changed]]));
    expect((await observeRepository(place.repo, calm())).backups.map(({ id }) => id)).toEqual([first.id, second.id]);
  });

  it('does not name chunks of packs that are gone or cut', async () => {
    await using place = await temporaryRepository();
    const files = new Map([
      ['a', Buffer.from(place.repo.random(1000))],
      ['b', Buffer.from(place.repo.random(1000))],
    ]);
    await commitSmallBackup(place.repo, { files, packBytes: 1000 });
    const observed = await observeRepository(place.repo, calm());
    expect(observed.packs).toHaveLength(2);
    const [gone, ...packs] = observed.packs;
    expect(gone).toBeDefined();
    expect((await loadChunkIndex(place.repo, { ...observed, packs }, calm())).index.count).toBe(1);
    const short = observed.packs.map((pack) => ({ ...pack, size: (pack.size - 1) as typeof pack.size }));
    expect((await loadChunkIndex(place.repo, { ...observed, packs: short }, calm())).index.count).toBe(0);
  });

  it('passes over a damaged manifest for the next older backup', async () => {
    await using place = await temporaryRepository();
    await commitSmallBackup(place.repo, { files: new Map([['a', Buffer.alloc(10, 1)]]), startTime: 1_000_000 });
    const newer = await commitSmallBackup(place.repo, {
      files: new Map([
        ['a', Buffer.alloc(10, 2)],
        ['b', Buffer.alloc(10, 3)],
      ]),
      startTime: 2_000_000,
    });
    const observed = await observeRepository(place.repo, calm());
    expect((await loadChunkIndex(place.repo, observed, calm())).index.count).toBe(2);
    await place.rewrite(newer.manifest.key, (bytes) => bytes.fill(0, 20, 24));
    expect((await loadChunkIndex(place.repo, observed, calm())).index.count).toBe(1);
  });

  it('fills packs up to the target and no further', async () => {
    await using place = await temporaryRepository({ algorithm: 'none' });
    const files = new Map(Array.from({ length: 40 }, (_, n) => [`f${n}`, Buffer.from(place.repo.random(500))]));
    const marker = await storeSmallBackup(place.repo, { files, packBytes: 2000 });
    expect(marker.packGroups).toMatchObject([{ bytes: 20_000 }]);
    expect(marker.packs).toHaveLength(10);
  });
});
