import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { CODEC_EXTENSION, CODEC_NAMES } from '../../../src/codec/codec.ts';
import { isFailure } from '../../../src/domain/failure.ts';
import { parseWalFileName } from '../../../src/domain/wal-file.ts';
import { sitePrefix } from '../../../src/repository/layout.ts';
import type { SiteRepository } from '../../../src/repository/site-repository.ts';
import { listAll } from '../../../src/repository/small-object.ts';
import { findWal, readWal, storeWal, type WalContent } from '../../../src/repository/wal-objects.ts';
import { calm, openTestRepository, temporaryRepository } from '../../support/temporary-repository.ts';

const segment = parseWalFileName('0000000A00000012000000FE');

function contentOf(bytes: Buffer): WalContent {
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    size: bytes.length,
    open: async function* () {
      for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
    },
  };
}

const A = contentOf(Buffer.alloc(50_000, 'a'));
const B = contentOf(Buffer.alloc(50_000, 'b'));

async function keysOf(repo: SiteRepository, folder: string): Promise<readonly string[]> {
  return (await listAll(repo.store, sitePrefix(repo.site) + folder, calm())).map(({ key }) => key);
}

async function readWhole(repo: SiteRepository, object: Parameters<typeof readWal>[1], limit = 50_000): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readWal(repo, object, limit, calm())) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe('a stored WAL file', () => {
  it('comes back, and the same content again is success', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    expect(await findWal(repo, segment, calm())).toEqual([]);
    expect(await storeWal(repo, segment, A, calm())).toBe('stored');
    expect(await storeWal(repo, segment, A, calm())).toBe('already-there');
    const [object, ...others] = await findWal(repo, segment, calm());
    if (!object) throw new Error('no object');
    expect(others).toEqual([]);
    expect(await readWhole(repo, object)).toBe('a'.repeat(50_000));
    // Another codec writes another key, but it is the same content.
    const plain = await openTestRepository(place.directory, { algorithm: 'none' });
    expect(await storeWal(plain, segment, A, calm())).toBe('already-there');
  });

  it('comes back in whichever way it is compressed, from a repository that holds a mix', async () => {
    await using place = await temporaryRepository();
    for (const [index, algorithm] of CODEC_NAMES.entries()) {
      const repo = await openTestRepository(place.directory, { algorithm });
      const file = parseWalFileName(`0000000A00000012000000A${index}`);
      const bytes = Buffer.alloc(50_000, algorithm);
      expect(await storeWal(repo, file, contentOf(bytes), calm())).toBe('stored');
      const [object] = await findWal(place.repo, file, calm());
      if (!object) throw new Error('no object');
      expect(object.key.endsWith(`.${CODEC_EXTENSION[algorithm]}`)).toBe(true);
      expect(await readWhole(place.repo, object)).toBe(bytes.toString());
    }
  });

  it('is never replaced: other content is refused and set aside once', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    await storeWal(repo, segment, A, calm());
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const failure = await storeWal(repo, segment, B, calm()).catch((error: unknown) => error);
      expect(isFailure(failure, 'wal.conflict')).toBe(true);
    }
    expect(await findWal(repo, segment, calm())).toMatchObject([{ sha256: A.sha256 }]);
    expect(await keysOf(repo, 'set-aside/')).toEqual([
      expect.stringMatching(new RegExp(`${segment.name}-${B.sha256}-\\d+\\.zst$`)),
    ]);
    expect(await storeWal(repo, segment, A, calm())).toBe('already-there');
  });

  it('leaves nothing where the content changes while it is read', async () => {
    await using place = await temporaryRepository();
    const broken: WalContent = {
      ...A,
      open: async function* () {
        yield Buffer.alloc(10);
        throw new Error('the file changed');
      },
    };
    await expect(storeWal(place.repo, segment, broken, calm())).rejects.toThrow('the file changed');
    expect(await keysOf(place.repo, '')).toEqual([]);
  });

  it('never has two contents acknowledged, however eight writers race', async () => {
    await using place = await temporaryRepository({ algorithm: 'none' });
    const repos = await Promise.all(
      Array.from({ length: 8 }, () => openTestRepository(place.directory, { algorithm: 'none' })),
    );
    let conflicts = 0;
    for (let round = 0; round < 40; round += 1) {
      const file = parseWalFileName(`0000000100000000${round.toString(16).toUpperCase().padStart(8, '0')}`);
      const outcomes = await Promise.all(
        repos.map(async (repo, index) => {
          const content = index % 2 === 0 ? A : B;
          try {
            await storeWal(repo, file, content, calm());
            return content.sha256;
          } catch (error) {
            if (!isFailure(error, 'wal.conflict')) throw error;
            conflicts += 1;
            return undefined;
          }
        }),
      );
      const acknowledged = new Set(outcomes.filter((outcome) => outcome !== undefined));
      expect(acknowledged.size).toBeLessThanOrEqual(1);
      const stored = (await findWal(place.repo, file, calm())).map(({ sha256 }) => sha256);
      for (const sha256 of acknowledged) expect(stored).toContain(sha256);
    }
    expect(conflicts).toBeGreaterThan(0);
  });

  it('is success for all of many writers of the same content', async () => {
    await using place = await temporaryRepository();
    const outcomes = await Promise.all(Array.from({ length: 8 }, async () => storeWal(place.repo, segment, A, calm())));
    expect(outcomes).toHaveLength(8);
    expect(await findWal(place.repo, segment, calm())).toHaveLength(1);
  });

  it.each(CODEC_NAMES)(
    'gives its content or an error when damaged or cut, never other content (%s)',
    async (algorithm) => {
      const text = 'a short piece of WAL, repeated, a short piece of WAL';
      await using place = await temporaryRepository({ algorithm });
      const { repo } = place;
      await storeWal(repo, segment, contentOf(Buffer.from(text)), calm());
      const [object] = await findWal(repo, segment, calm());
      if (!object) throw new Error('no object');
      const whole = await readFile(place.pathOf(object.key));
      for (let index = 0; index < whole.length; index += 1) {
        const flipped = Buffer.from(whole);
        flipped[index] = (flipped[index] ?? 0) ^ 0x10;
        for (const damaged of [flipped, whole.subarray(0, index)]) {
          await place.rewrite(object.key, () => damaged);
          const outcome = await readWhole(repo, object).catch((error: unknown) => error);
          // Some bits of a zstd header say how much memory a reader may take: they change nothing.
          if (outcome === text && algorithm === 'zstd') continue;
          if (!isFailure(outcome, 'object.corrupt')) throw new Error(`byte ${index}: ${String(outcome)}`);
          expect(outcome.message).toContain(object.key);
        }
      }
      await place.rewrite(object.key, () => whole);
      await expect(readWhole(repo, object, 20)).rejects.toThrow('more than 20 plain bytes');
    },
  );
});
