import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { isFailure } from '../../../src/domain/failure.ts';
import { parseMarker, readMarker } from '../../../src/repository/backup-marker.ts';
import { readChunks } from '../../../src/repository/chunk-reader.ts';
import { markerKey, packKey } from '../../../src/repository/layout.ts';
import type { ManifestFile, ManifestLine } from '../../../src/repository/manifest-types.ts';
import { observeRepository } from '../../../src/repository/observe-repository.ts';
import { readManifest } from '../../../src/repository/read-manifest.ts';
import { commitSmallBackup } from '../../support/small-backup.ts';
import { calm, type TemporaryRepository, temporaryRepository } from '../../support/temporary-repository.ts';

const FILES = new Map([
  ['PG_VERSION', Buffer.from('15\n')],
  ['base/1/1259', Buffer.from('the catalogue of catalogues '.repeat(8))],
]);

const flip =
  (index: number) =>
  (bytes: Buffer): Buffer => {
    const damaged = Buffer.from(bytes);
    damaged[index] = (damaged[index] ?? 0) ^ (1 << (index % 8));
    return damaged;
  };

async function readAll({ repo }: TemporaryRepository, marker: Parameters<typeof readManifest>[1]): Promise<void> {
  const lines: ManifestLine[] = [];
  for await (const line of readManifest(repo, marker, calm())) lines.push(line);
  const files = lines.filter((line): line is ManifestFile => line.kind === 'file');
  const requests = files.flatMap(({ path, chunks }) => chunks.map((chunk) => ({ chunk, file: path })));
  for await (const { request, plain } of readChunks(repo, requests, calm()))
    expect(plain.length).toBe(request.chunk.size);
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe.each(['zstd', 'none'] as const)('damage behind the back of the store (%s)', (algorithm) => {
  it('is found in every byte of backup.json, and in every cut of it', async () => {
    await using place = await temporaryRepository({ algorithm });
    const { id } = await commitSmallBackup(place.repo, { files: FILES });
    const whole = await readFile(place.pathOf(markerKey(place.repo.site, id)));
    expect(parseMarker(whole, place.repo.site, id).files).toBe(2);
    for (let index = 0; index < whole.length; index += 1) {
      for (const damaged of [flip(index)(whole), whole.subarray(0, index)]) {
        try {
          parseMarker(damaged, place.repo.site, id);
          expect.unreachable(`byte ${index}`);
        } catch (error) {
          expect(isFailure(error, 'object.corrupt', 'repository.foreign')).toBe(true);
        }
      }
    }
  });

  it('is found in every byte of the manifest, and in every cut of it', async () => {
    await using place = await temporaryRepository({ algorithm });
    const marker = await commitSmallBackup(place.repo, { files: FILES });
    const whole = await readFile(place.pathOf(marker.manifest.key));
    for (let index = 0; index < whole.length; index += 1) {
      for (const change of [flip(index), (bytes: Buffer): Buffer => bytes.subarray(0, index)]) {
        await place.rewrite(marker.manifest.key, () => change(whole));
        const failure = await failureOf(readAll(place, marker));
        expect(isFailure(failure, 'object.corrupt', 'repository.foreign'), `byte ${index}: ${String(failure)}`).toBe(
          true,
        );
      }
    }
    await place.rewrite(marker.manifest.key, () => Buffer.concat([whole, Buffer.from('x')]));
    expect(isFailure(await failureOf(readAll(place, marker)), 'object.corrupt')).toBe(true);
    await place.rewrite(marker.manifest.key, () => whole);
    await readAll(place, marker);
  });

  it('is found in every byte of a pack, naming pack, offset and file', async () => {
    await using place = await temporaryRepository({ algorithm });
    const marker = await commitSmallBackup(place.repo, { files: FILES });
    const [pack] = marker.packs;
    const key = pack ? packKey(place.repo.site, pack) : '';
    const whole = await readFile(place.pathOf(key));
    for (let index = 0; index < whole.length; index += 1) {
      for (const change of [flip(index), (bytes: Buffer): Buffer => bytes.subarray(0, index)]) {
        await place.rewrite(key, () => change(whole));
        const failure = await failureOf(readAll(place, marker));
        if (!isFailure(failure, 'object.corrupt')) expect.unreachable(`byte ${index}: ${String(failure)}`);
        else
          expect(failure.message).toMatch(
            new RegExp(`at offset \\d+ of ${key}, which "(PG_VERSION|base/1/1259)" needs`),
          );
      }
    }
  });
});

describe('what an observation says of damage', () => {
  it('counts a backup with a damaged marker, a missing or cut manifest, or a cut pack among the unreadable ones', async () => {
    await using place = await temporaryRepository();
    const ids = [];
    for (let n = 1; n <= 5; n += 1) {
      ids.push(
        await commitSmallBackup(place.repo, {
          files: new Map([['a', Buffer.alloc(100, n)]]),
          startTime: n * 1_000_000,
        }),
      );
    }
    const [marker, missing, cut, pack, good] = ids;
    if (!marker || !missing || !cut || !pack?.packs[0] || !good) throw new Error('five backups');
    await place.rewrite(markerKey(place.repo.site, marker.id), flip(40));
    await place.repo.store.deleteMany([missing.manifest.key], { signal: calm() });
    await place.rewrite(cut.manifest.key, (bytes) => bytes.subarray(1));
    await place.rewrite(packKey(place.repo.site, pack.packs[0]), (bytes) => bytes.subarray(1));
    const observed = await observeRepository(place.repo, calm());
    expect(observed.backups.map(({ id }) => id)).toEqual([good.id]);
    const reasons = new Map(observed.unreadableBackups.map(({ id, reason }) => [id, reason]));
    expect(reasons.get(marker.id)).toContain('damaged');
    expect(reasons.get(missing.id)).toBe('its manifest is missing');
    expect(reasons.get(cut.id)).toContain('its manifest has');
    expect(reasons.get(pack.id)).toContain(`packs 0 of ${pack.id} have`);
    expect(observed.strays).toEqual([]);
  });

  it('takes a marker under the name of another backup for damage', async () => {
    await using place = await temporaryRepository();
    const a = await commitSmallBackup(place.repo, { files: FILES, startTime: 1_000_000 });
    const b = await commitSmallBackup(place.repo, { files: FILES, startTime: 2_000_000 });
    const bytes = await readFile(place.pathOf(markerKey(place.repo.site, a.id)));
    await place.rewrite(markerKey(place.repo.site, b.id), () => bytes);
    await expect(readMarker(place.repo, b.id, calm())).rejects.toThrow(`says that it is of backup ${a.id}`);
  });

  it('throws where the store fails, rather than saying that something is absent', async () => {
    await using place = await temporaryRepository();
    const { id } = await commitSmallBackup(place.repo, { files: FILES });
    const failing = {
      ...place.repo,
      store: {
        ...place.repo.store,
        get: async (key: string, options: Parameters<typeof place.repo.store.get>[1]) => {
          if (key === markerKey(place.repo.site, id)) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
          return place.repo.store.get(key, options);
        },
      },
    };
    await expect(observeRepository(failing, calm())).rejects.toThrow('reset');
  });
});
