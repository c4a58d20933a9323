import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isFailure } from '../../../src/domain/failure.ts';
import { instant } from '../../../src/domain/instant.ts';
import { lsn } from '../../../src/domain/lsn.ts';
import { backupId } from '../../../src/domain/observed.ts';
import { timelineId } from '../../../src/domain/timeline.ts';
import { manifestKey } from '../../../src/repository/layout.ts';
import { writeManifest } from '../../../src/repository/manifest.ts';
import { formatManifestLine, parseManifestLine } from '../../../src/repository/manifest-format.ts';
import type { ManifestEntry, ManifestHeader, ManifestLine } from '../../../src/repository/manifest-types.ts';
import { readManifest } from '../../../src/repository/read-manifest.ts';
import type { SiteRepository } from '../../../src/repository/site-repository.ts';
import { TEST_SYSTEM } from '../../support/small-backup.ts';
import { calm, temporaryRepository } from '../../support/temporary-repository.ts';

const id = backupId('20261122T020000Z-0a1b2c3d');
const hash = 'a'.repeat(64);
const chunk = { sha256: hash, size: 3, codec: 'zstd' as const, pack: { backup: id, number: 7 }, offset: 0, length: 12 };
const file = { kind: 'file' as const, path: 'base/1/2', mode: 0o600, mtime: 5, size: 3, sha256: hash, chunks: [chunk] };
const end = { stopLsn: lsn(99n), stopTime: instant(2000), backupLabel: 'START WAL…\n', tablespaceMap: undefined };

function headerOf(repo: SiteRepository): ManifestHeader {
  return {
    kind: 'header',
    backup: id,
    site: repo.site,
    systemIdentifier: TEST_SYSTEM,
    version: 180_004,
    method: 'stream',
    timeline: timelineId(10),
    startLsn: lsn(0x1_0000_0028n),
    startTime: instant(1000),
    chunkBytes: 2 ** 20,
    tablespaces: [{ oid: '16384', path: '/mnt/fast' }],
  };
}

async function* each(...entries: readonly ManifestEntry[]): AsyncGenerator<ManifestEntry> {
  yield* entries;
}

/** Reads NDJSON that somebody else wrote, with a marker that vouches for exactly these bytes. */
async function readForged(repo: SiteRepository, text: string): Promise<readonly ManifestLine[]> {
  const key = manifestKey(repo.site, id, { codec: 'none', message: false });
  const bytes = Buffer.from(text);
  const body = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes;
  };
  await repo.store.put(key, body(), { signal: calm() });
  const manifest = { key, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  const lines: ManifestLine[] = [];
  for await (const line of readManifest(repo, { id, systemIdentifier: TEST_SYSTEM, manifest }, calm()))
    lines.push(line);
  return lines;
}

describe('a manifest', () => {
  it('reads back header, entries and footer', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const directory = { kind: 'directory' as const, path: 'pg_wal', mode: 0o700, mtime: -1 };
    const link = { kind: 'symlink' as const, path: 'pg_tblspc/16384', target: '/mnt/fast' };
    const source = { header: headerOf(repo), entries: each(directory, file, link), end: () => end };
    const stored = await writeManifest(repo, source, calm());
    expect(stored).toMatchObject({ files: 1, directories: 1, symlinks: 1, chunks: 1, bytes: 3 });
    const lines: ManifestLine[] = [];
    for await (const line of readManifest(repo, { id, systemIdentifier: TEST_SYSTEM, manifest: stored }, calm()))
      lines.push(line);
    expect(lines).toEqual([
      headerOf(repo),
      directory,
      file,
      link,
      { kind: 'footer', ...end, files: 1, directories: 1, symlinks: 1, chunks: 1, bytes: 3 },
    ]);
  });

  it('leaves nothing behind when the entries or the end fail', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    async function* broken(): AsyncGenerator<ManifestEntry> {
      yield file;
      throw new Error('the connection broke');
    }
    const header = headerOf(repo);
    await expect(writeManifest(repo, { header, entries: broken(), end: () => end }, calm())).rejects.toThrow(
      'the connection broke',
    );
    const failing = { header, entries: each(file), end: () => Promise.reject(new Error('no stop position')) };
    await expect(writeManifest(repo, failing, calm())).rejects.toThrow('no stop position');
    const bad = { header, entries: each({ ...file, path: '../x' }), end: () => end };
    await expect(writeManifest(repo, bad, calm())).rejects.toThrow('cannot name');
    expect(
      await repo.store.head(manifestKey(repo.site, id, { codec: 'zstd', message: false }), { signal: calm() }),
    ).toBeUndefined();
  });

  const counts = { files: 1, directories: 0, symlinks: 0, chunks: 1, bytes: 3 };
  const footer = formatManifestLine({ kind: 'footer', ...end, ...counts });
  const text = (line: object): string => JSON.stringify(line);
  const chunkList = [hash, 3, 'zstd', `${id}/7`, 0, 12];
  const fileLine = { ...file, chunks: [chunkList] };
  const withChunk = (index: number, value: unknown): string =>
    text({ ...fileLine, chunks: [chunkList.with(index, value as string)] });

  it.each([
    ['no footer', (header: string) => `${header}\n${text(fileLine)}\n`, 'without a footer'],
    ['a cut line', (header: string) => `${header}\n${text(fileLine)}\n${footer}`, 'middle of a line'],
    ['no header', () => `${text(fileLine)}\n${footer}\n`, 'file in line 1'],
    ['two headers', (header: string) => `${header}\n${header}\n`, 'header in line 2'],
    [
      'more after the footer',
      (header: string) => `${header}\n${text(fileLine)}\n${footer}\n${text(fileLine)}\n`,
      'after its footer',
    ],
    ['wrong counts', (header: string) => `${header}\n${footer}\n`, 'footer says 1'],
    ['another site', (header: string) => `${header.replace('"orders"', '"other"')}\n`, 'of site "other"'],
    ['an unknown kind', (header: string) => `${header}\n{"kind":"device"}\n`, 'not one of'],
    [
      'a path that climbs',
      (header: string) => `${header}\n${text({ ...fileLine, path: 'a/../../etc/passwd' })}\n`,
      'not a path below',
    ],
    [
      'an absolute path',
      (header: string) => `${header}\n${text({ ...fileLine, path: '/etc/passwd' })}\n`,
      'not a path below',
    ],
    ['a path with NUL', (header: string) => `${header}\n${text({ ...fileLine, path: 'a\0b' })}\n`, 'not a path below'],
    [
      'a size that its chunks do not have',
      (header: string) => `${header}\n${text({ ...fileLine, size: 4 })}\n`,
      'but its chunks 3',
    ],
    [
      'a hash that its chunks do not have',
      (header: string) => `${header}\n${text({ ...fileLine, sha256: 'b'.repeat(64) })}\n`,
      'does not follow from its chunks',
    ],
    ['a negative size', (header: string) => `${header}\n${text({ ...fileLine, size: -1 })}\n`, 'outside'],
    ['a set-user-id of its own', (header: string) => `${header}\n${text({ ...fileLine, mode: 0o10000 })}\n`, 'outside'],
    ['a chunk larger than any', (header: string) => `${header}\n${withChunk(1, 2 ** 40)}\n`, 'outside'],
    ['a frame larger than its chunk can be', (header: string) => `${header}\n${withChunk(5, 2 ** 30)}\n`, 'outside'],
    ['an offset beyond any pack', (header: string) => `${header}\n${withChunk(4, 2 ** 40)}\n`, 'outside'],
    ['a pack with a climbing name', (header: string) => `${header}\n${withChunk(3, '../../x/0')}\n`, 'not a backup id'],
    [
      'a pack with a fractional number',
      (header: string) => `${header}\n${withChunk(3, `${id}/0.5`)}\n`,
      'pack number 0.5',
    ],
    ['an unknown codec', (header: string) => `${header}\n${withChunk(2, 'rot13')}\n`, 'not one of'],
    [
      'a symbolic link to nowhere',
      (header: string) => `${header}\n${text({ kind: 'symlink', path: 'a', target: '' })}\n`,
      'to nowhere',
    ],
    ['no JSON', (header: string) => `${header}\nnot json\n`, 'not JSON'],
    ['a JSON list', (header: string) => `${header}\n[]\n`, 'not a JSON object'],
  ])('with %s is refused', async (_what, forge, message) => {
    await using place = await temporaryRepository({ algorithm: 'none' });
    const failure = await readForged(place.repo, forge(formatManifestLine(headerOf(place.repo)))).catch(
      (error: unknown) => error,
    );
    if (!isFailure(failure, 'object.corrupt')) expect.unreachable(String(failure));
    else expect(failure.message).toContain(message);
  });

  it('of another major version is refused, of another minor version read', async () => {
    await using place = await temporaryRepository({ algorithm: 'none' });
    const header = formatManifestLine(headerOf(place.repo));
    const rest = `\n${text({ ...fileLine, colour: 'blue' })}\n${footer}\n`;
    expect(await readForged(place.repo, header.replace('"1.0"', '"1.9"') + rest)).toHaveLength(3);
    await expect(readForged(place.repo, header.replace('"1.0"', '"2.0"') + rest)).rejects.toThrow(
      'format version "2.0"',
    );
  });

  it('ignores unknown fields of a line', () => {
    expect(parseManifestLine(Buffer.from(text({ ...fileLine, colour: 'blue' })), 'here')).toEqual(file);
  });
});
