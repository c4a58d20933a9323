import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Failure, type FailureCode } from '../../../src/domain/failure.ts';
import { parseWalFileName } from '../../../src/domain/wal-file.ts';
import { claimIdentity, ensureRepository } from '../../../src/repository/identity.ts';
import { identityKey, walKey } from '../../../src/repository/layout.ts';
import { removeKeys } from '../../../src/repository/remove.ts';
import type { SiteRepository } from '../../../src/repository/site-repository.ts';
import { findWal } from '../../../src/repository/wal-objects.ts';
import { systemClock } from '../../../src/telemetry/system-effects.ts';
import { type FetchResult, fetchWalFile } from '../../../src/wal/fetch.ts';
import { pushWalFile } from '../../../src/wal/push.ts';
import { createRecorder } from '../../support/recorder.ts';
import { putText, storeText } from '../../support/repository-objects.ts';
import { TEST_IDENTITY } from '../../support/small-backup.ts';
import {
  calm,
  openTestRepository,
  type TemporaryRepository,
  temporaryRepository,
} from '../../support/temporary-repository.ts';
import { type DataDirectory, makeDataDirectory, makeSegment } from '../../support/wal-files.ts';

const NAME = '000000010000000000000007';
const LATER = '000000010000000000000008';
const SEGMENT = makeSegment(NAME);

async function pushSegment(repositories: readonly SiteRepository[], name = NAME, bytes = SEGMENT): Promise<void> {
  await using data = await makeDataDirectory();
  const effects = { clock: systemClock, reporter: createRecorder(), signal: calm() };
  await pushWalFile({ path: await data.put(name, bytes), repositories, require: 'all', effects });
}

async function fetchInto(
  data: DataDirectory,
  repositories: readonly SiteRepository[],
  more: Partial<Parameters<typeof fetchWalFile>[0]> = {},
): Promise<FetchResult> {
  const result = await fetchWalFile({
    name: NAME,
    destination: 'pg_wal/RECOVERYXLOG',
    repositories,
    workingDirectory: data.directory,
    effects: { clock: systemClock, reporter: createRecorder(), signal: calm() },
    retryMilliseconds: 300,
    ...more,
  });
  const names = await readdir(join(data.directory, 'pg_wal'));
  // Either the verified file is in place or nothing is, and never anything beside it.
  expect(names).toEqual(result.kind === 'fetched' ? ['RECOVERYXLOG'] : []);
  return result;
}

const received = async (data: DataDirectory): Promise<Buffer> => readFile(join(data.directory, 'pg_wal/RECOVERYXLOG'));

function unreadable(repo: SiteRepository, code: FailureCode = 'store.unavailable'): SiteRepository {
  const fail = async (): Promise<never> => {
    throw new Failure(code, { message: `cannot be read (${code})` });
  };
  // oxlint-disable-next-line require-yield -- a listing that fails before its first page
  async function* list(): AsyncGenerator<never> {
    await fail();
  }
  return { ...repo, store: { ...repo.store, get: fail, head: fail, list } };
}

async function damage(place: TemporaryRepository, change: (bytes: Buffer) => Buffer): Promise<void> {
  for (const { key } of await findWal(place.repo, parseWalFileName(NAME), calm())) await place.rewrite(key, change);
}

const flipMiddle = (bytes: Buffer): Buffer => {
  const damaged = Buffer.from(bytes);
  const middle = Math.floor(damaged.length / 2);
  damaged[middle] = (damaged[middle] ?? 0) ^ 1;
  return damaged;
};

describe('fetching a WAL file', () => {
  it('ends with 0 and the verified file in place, over whatever was there', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    await pushSegment([place.repo]);
    await data.put('RECOVERYXLOG', 'an older one');
    expect(await fetchInto(data, [place.repo])).toEqual({ kind: 'fetched', exitStatus: 0, repository: 'main' });
    expect((await received(data)).equals(SEGMENT)).toBe(true);
  });

  it('ends with 1 where every repository was read and has no such file', async () => {
    await using a = await temporaryRepository({ name: 'main' });
    await using b = await temporaryRepository({ name: 'offsite' });
    await using data = await makeDataDirectory();
    await pushSegment([a.repo]);
    // A repository that is new and has nothing of the site yet is readable, too.
    await ensureRepository(b.repo, calm());
    for (const signalFile of ['recovery.signal', 'standby.signal']) {
      await writeFile(join(data.directory, signalFile), '');
      expect(await fetchInto(data, [a.repo, b.repo], { name: LATER })).toEqual({ kind: 'not-found', exitStatus: 1 });
      await rm(join(data.directory, signalFile));
    }
  });

  it('never serves a partial segment, or the backup file of it, as the segment', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    await pushSegment([place.repo], `${NAME}.partial`);
    await storeText(place.repo, `${NAME}.00000028.backup`, 'label');
    expect(await fetchInto(data, [place.repo])).toEqual({ kind: 'not-found', exitStatus: 1 });
    expect(await fetchInto(data, [place.repo], { name: `${NAME}.partial` })).toMatchObject({ exitStatus: 0 });
  });

  it('brings history files the same way', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    await claimIdentity(place.repo, TEST_IDENTITY, calm());
    await storeText(place.repo, '0000000A.history', '9\t0/5000000\tx\n');
    await storeText(place.repo, '0000000B.history', 'garbage');
    const name = '0000000A.history';
    expect(await fetchInto(data, [place.repo], { name })).toMatchObject({ exitStatus: 0 });
    expect((await received(data)).toString()).toBe('9\t0/5000000\tx\n');
    await rm(join(data.directory, 'pg_wal/RECOVERYXLOG'));
    expect(await fetchInto(data, [place.repo], { name: '0000000C.history' })).toMatchObject({ kind: 'not-found' });
    expect(await fetchInto(data, [place.repo], { name: '0000000B.history' })).toMatchObject({
      kind: 'failed',
      exitStatus: 255,
    });
    expect(await fetchInto(data, [unreadable(place.repo)], { name })).toMatchObject({
      kind: 'failed',
      exitStatus: 255,
    });
  });
});

describe('a fetch that fails', () => {
  it.each([
    ['recovery.signal', 255],
    ['standby.signal', 1],
    [undefined, 255],
  ] as const)('ends under %s with %i', async (signalFile, exitStatus) => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    await pushSegment([place.repo]);
    if (signalFile) await writeFile(join(data.directory, signalFile), '');
    expect(await fetchInto(data, [unreadable(place.repo)])).toMatchObject({ kind: 'failed', exitStatus });
  });

  it('takes standby.signal for the stronger one, as PostgreSQL does', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    await writeFile(join(data.directory, 'recovery.signal'), '');
    await writeFile(join(data.directory, 'standby.signal'), '');
    expect(await fetchInto(data, [unreadable(place.repo)])).toMatchObject({ exitStatus: 1 });
  });

  it.each(['store.unavailable', 'store.absent', 'store.denied', 'store.incomplete'] as const)(
    'is never masked by another repository that has no such file (%s)',
    async (code) => {
      await using a = await temporaryRepository({ name: 'main' });
      await using b = await temporaryRepository({ name: 'offsite' });
      await using data = await makeDataDirectory();
      await pushSegment([a.repo, b.repo], LATER, makeSegment(LATER));
      for (const repositories of [
        [a.repo, unreadable(b.repo, code)],
        [unreadable(a.repo, code), b.repo],
      ]) {
        const result = await fetchInto(data, repositories);
        if (result.kind !== 'failed') throw new Error(result.kind);
        expect(result.exitStatus).toBe(255);
        expect(result.failure.code).toBe(code);
        expect(result.failure.message).toContain('which proves nothing');
      }
    },
  );

  it('does not matter where another repository has the file', async () => {
    await using a = await temporaryRepository({ name: 'main' });
    await using b = await temporaryRepository({ name: 'offsite' });
    await using data = await makeDataDirectory();
    await pushSegment([b.repo]);
    await pushSegment([a.repo], LATER, makeSegment(LATER));
    expect(await fetchInto(data, [unreadable(a.repo), b.repo])).toMatchObject({ exitStatus: 0, repository: 'offsite' });
    expect(await fetchInto(data, [a.repo, b.repo])).toMatchObject({ exitStatus: 0, repository: 'offsite' });
  });

  it.each([
    ['a flipped bit', flipMiddle],
    ['a cut', (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length - 1)],
    ['an empty object', (): Buffer => Buffer.alloc(0)],
  ])('for %s takes the copy of another repository, and without one names the object', async (_what, change) => {
    for (const algorithm of ['zstd', 'none'] as const) {
      await using a = await temporaryRepository({ name: 'main', algorithm });
      await using b = await temporaryRepository({ name: 'offsite', algorithm });
      await using data = await makeDataDirectory();
      await pushSegment([a.repo, b.repo]);
      await damage(a, change);
      expect(await fetchInto(data, [a.repo, b.repo])).toMatchObject({ exitStatus: 0, repository: 'offsite' });
      expect((await received(data)).equals(SEGMENT)).toBe(true);
      await rm(join(data.directory, 'pg_wal/RECOVERYXLOG'));
      const result = await fetchInto(data, [a.repo], { retryMilliseconds: 60_000 });
      if (result.kind !== 'failed') throw new Error(result.kind);
      expect(result.exitStatus).toBe(255);
      expect(result.failure.message).toContain(`${NAME}-`);
      await damage(b, change);
      expect(await fetchInto(data, [a.repo, b.repo])).toMatchObject({ kind: 'failed', exitStatus: 255 });
    }
  });

  it('for an object whose content is not what its name says, though its hash is right', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    await claimIdentity(place.repo, TEST_IDENTITY, calm());
    await storeText(place.repo, NAME, 'not WAL at all');
    expect(await fetchInto(data, [place.repo])).toMatchObject({
      kind: 'failed',
      exitStatus: 255,
      failure: { code: 'object.corrupt' },
    });
  });

  it('not where the same content also lies there whole, or to be opened, in another form', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    await pushSegment([place.repo]);
    const [object] = await findWal(place.repo, parseWalFileName(NAME), calm());
    const { sha256 = '', key = '' } = object ?? {};
    for (const other of [
      { codec: 'none', message: false },
      { codec: 'lzma', message: true, recipientSet: '0'.repeat(16) },
    ] as const)
      await putText(place.repo, walKey(place.repo.site, parseWalFileName(NAME), { sha256, ...other }), 'damaged');
    expect(await findWal(place.repo, parseWalFileName(NAME), calm())).toHaveLength(3);
    expect(await fetchInto(data, [place.repo])).toMatchObject({ kind: 'fetched' });
    await removeKeys(place.repo, [key], calm());
    await rm(join(data.directory, 'pg_wal/RECOVERYXLOG'));
    expect(await fetchInto(data, [place.repo])).toMatchObject({ kind: 'failed', failure: { code: 'object.corrupt' } });
  });

  it('for a name that stands for two contents', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    await pushSegment([place.repo]);
    await putText(
      place.repo,
      walKey(place.repo.site, parseWalFileName(NAME), { sha256: '0'.repeat(64), codec: 'none', message: false }),
      'other',
    );
    expect(await fetchInto(data, [place.repo])).toMatchObject({ exitStatus: 255, failure: { code: 'wal.conflict' } });
  });

  it('where the place is not a repository, or does not know the site, or lost its site.json', async () => {
    await using empty = await temporaryRepository();
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    expect(await fetchInto(data, [empty.repo])).toMatchObject({
      exitStatus: 255,
      failure: { code: 'repository.foreign' },
    });
    await pushSegment([place.repo]);
    const other = await openTestRepository(place.directory, { site: 'oders' });
    expect(await fetchInto(data, [other])).toMatchObject({ exitStatus: 255, failure: { code: 'wal.missing' } });
    await removeKeys(place.repo, [identityKey(place.repo.site)], calm());
    expect(await fetchInto(data, [place.repo])).toMatchObject({
      exitStatus: 255,
      failure: { code: 'repository.foreign' },
    });
    expect(await fetchInto(data, [place.repo], { name: '../../etc/passwd' })).toMatchObject({ exitStatus: 255 });
  });

  it('where the destination cannot be written', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    await pushSegment([place.repo]);
    expect(await fetchInto(data, [place.repo], { destination: 'nowhere/RECOVERYXLOG' })).toMatchObject({
      exitStatus: 255,
      failure: { code: 'wal.file' },
    });
  });
});

describe('the patience of a fetch', () => {
  it('outlasts an outage that is shorter', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    await pushSegment([place.repo]);
    const broken = unreadable(place.repo);
    const until = performance.now() + 700;
    const get: SiteRepository['store']['get'] = async (key, options) =>
      (performance.now() < until ? broken : place.repo).store.get(key, options);
    const reporter = createRecorder();
    const effects = { clock: systemClock, reporter, signal: calm() };
    const flaky = { ...place.repo, store: { ...place.repo.store, get } };
    expect(await fetchInto(data, [flaky], { effects, retryMilliseconds: 10_000 })).toMatchObject({ exitStatus: 0 });
    expect(reporter.events).toMatchObject([{ kind: 'waiting', message: expect.stringContaining('cannot be read') }]);
  });

  it('ends when nothing moves', async () => {
    await using a = await temporaryRepository({ name: 'main' });
    await using b = await temporaryRepository({ name: 'offsite' });
    await using data = await makeDataDirectory();
    await pushSegment([a.repo, b.repo]);
    const get = async (): Promise<never> => new Promise(() => undefined);
    const hanging = { ...a.repo, store: { ...a.repo.store, get } };
    expect(await fetchInto(data, [hanging, b.repo], { stallMilliseconds: 200 })).toMatchObject({
      repository: 'offsite',
    });
  });

  it('ends when it is interrupted, without the end of the archive', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    const stop = new AbortController();
    const effects = { clock: systemClock, reporter: createRecorder(), signal: stop.signal };
    const work = fetchInto(data, [unreadable(place.repo)], { effects, retryMilliseconds: 60_000 });
    await sleep(100);
    stop.abort(new Failure('interrupted', { message: 'stopped' }));
    expect(await work).toMatchObject({ kind: 'failed', exitStatus: 255, failure: { code: 'interrupted' } });
  });

  it('tidies up after receivers that were killed long ago, and only those', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    await pushSegment([place.repo]);
    const folder = join(data.directory, 'restored');
    await mkdir(folder);
    const old = join(folder, 'RECOVERYXLOG.hoard-0123456789abcdef');
    const young = join(folder, 'RECOVERYXLOG.hoard-fedcba9876543210');
    const foreign = join(folder, 'RECOVERYHISTORY');
    for (const path of [old, young, foreign]) await writeFile(path, '');
    for (const path of [old, foreign]) await utimes(path, 1_000_000, 1_000_000);
    const effects = { clock: systemClock, reporter: createRecorder(), signal: calm() };
    const destination = 'restored/RECOVERYXLOG';
    await fetchWalFile({
      name: NAME,
      destination,
      repositories: [place.repo],
      workingDirectory: data.directory,
      effects,
    });
    expect(await readdir(folder)).toEqual(['RECOVERYHISTORY', 'RECOVERYXLOG', 'RECOVERYXLOG.hoard-fedcba9876543210']);
  });
});
