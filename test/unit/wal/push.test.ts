import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Failure, type FailureCode } from '../../../src/domain/failure.ts';
import { segmentSize } from '../../../src/domain/segment.ts';
import { parseWalFileName } from '../../../src/domain/wal-file.ts';
import { readIdentity } from '../../../src/repository/identity.ts';
import type { SiteRepository } from '../../../src/repository/site-repository.ts';
import { findWal } from '../../../src/repository/wal-objects.ts';
import { systemClock } from '../../../src/telemetry/system-effects.ts';
import { type PushResult, pushWalFile } from '../../../src/wal/push.ts';
import { openWalSource } from '../../../src/wal/wal-source.ts';
import { createRecorder } from '../../support/recorder.ts';
import { codeOf } from '../../support/repository-objects.ts';
import { TEST_IDENTITY } from '../../support/small-backup.ts';
import { calm, openTestRepository, temporaryRepository } from '../../support/temporary-repository.ts';
import { makeDataDirectory, makeSegment } from '../../support/wal-files.ts';

const NAME = '000000010000000000000007';

async function push(
  path: string,
  repositories: readonly SiteRepository[],
  more: Partial<Parameters<typeof pushWalFile>[0]> = {},
): Promise<PushResult> {
  const effects = { clock: systemClock, reporter: createRecorder(), signal: calm() };
  return pushWalFile({ path, repositories, require: 'all', effects, ...more });
}

async function stored(repo: SiteRepository, name: string): Promise<number> {
  return (await findWal(repo, parseWalFileName(name), calm())).length;
}

/** A store whose puts never end and which does not look at its signal. */
function hanging(repo: SiteRepository): SiteRepository {
  return { ...repo, store: { ...repo.store, put: async () => new Promise(() => undefined) } };
}

function failing(repo: SiteRepository): SiteRepository {
  const put = async (): Promise<never> => {
    throw new Failure('store.unavailable', { message: 'connection refused' });
  };
  return { ...repo, store: { ...repo.store, put } };
}

describe('pushing a WAL file', () => {
  it('stores it, claims the site for its cluster, and is success again', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    const path = await data.put(NAME, makeSegment(NAME));
    expect(await push(path, [place.repo])).toMatchObject({
      file: NAME,
      outcomes: [{ kind: 'stored', repository: 'main' }],
    });
    expect(await push(path, [place.repo])).toMatchObject({ outcomes: [{ kind: 'already-there' }] });
    expect(await readIdentity(place.repo, calm())).toEqual(TEST_IDENTITY);
    expect(await stored(place.repo, NAME)).toBe(1);
  });

  it.each([
    ['0000000A00000000000000FF', {}],
    ['FFFFFFFF0000000100000000', {}],
    ['00000002000000000000000E', { timeline: 1 }],
    ['000000010000000000000FFF', { size: segmentSize(2 ** 20) }],
    ['00000001000000020000003F', { size: segmentSize(2 ** 26) }],
    [`${NAME}.partial`, {}],
  ])('takes %s %o', async (name, given) => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    const path = await data.put(name, makeSegment(name, given));
    await push(path, [place.repo]);
    expect(await stored(place.repo, name)).toBe(1);
  });

  const whole = makeSegment(NAME);
  it.each<[string, string, Buffer | string, FailureCode]>([
    ['another cluster’s', NAME, makeSegment(NAME, { systemIdentifier: '1' }), 'site.foreign-cluster'],
    [
      'another segment size',
      '000000010000000000000001',
      makeSegment('000000010000000000000001', { size: segmentSize(2 ** 26) }),
      'site.foreign-cluster',
    ],
    ['a recycled segment', '000000010000000000000009', whole, 'wal.mismatch'],
    ['a wrong page address', NAME, makeSegment(NAME, { address: 0x800_0000n }), 'wal.mismatch'],
    ['a timeline later than the name', NAME, makeSegment(NAME, { timeline: 2 }), 'wal.mismatch'],
    ['an unknown magic number', NAME, makeSegment(NAME, { magic: 0xd05a }), 'wal.mismatch'],
    ['a segment of zeros', NAME, Buffer.alloc(2 ** 24), 'wal.mismatch'],
    ['a cut segment', NAME, whole.subarray(0, 2 ** 24 - 8192), 'wal.mismatch'],
    ['a segment with more behind it', NAME, Buffer.concat([whole, Buffer.alloc(1)]), 'wal.mismatch'],
    ['an empty file', NAME, '', 'wal.mismatch'],
    ['a cut partial segment', `${NAME}.partial`, whole.subarray(0, 8192), 'wal.mismatch'],
    ['a history without a parent', '00000002.history', '# nothing\n', 'wal.mismatch'],
    ['a history of garbage', '00000002.history', 'x'.repeat(50), 'wal.mismatch'],
    ['an endless history', '00000002.history', `1\t0/5\n${'#'.repeat(2 ** 21)}`, 'wal.mismatch'],
    ['a backup file of garbage', `${NAME}.00000028.backup`, 'x', 'wal.mismatch'],
    ['a name that is none', 'archive_status', 'x', 'value.invalid'],
    ['a lower-case name', NAME.replace('7', 'a'), 'x', 'value.invalid'],
    ['a history whose cluster nobody knows', '00000002.history', '1\t0/5000000\tx\n', 'wal.file'],
  ])('refuses %s and stores nothing', async (_what, name, bytes, code) => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    await push(await data.put('000000010000000000000003', makeSegment('000000010000000000000003')), [place.repo]);
    expect(await codeOf(push(await data.put(name, bytes), [place.repo]))).toBe(code);
    const objects = [];
    for await (const page of place.repo.store.list('sites/orders/', { signal: calm() })) objects.push(...page);
    expect(objects).toHaveLength(2);
  });

  it('refuses a symbolic link, a directory, a missing file and a pipe', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    const target = await data.put('target', makeSegment(NAME));
    const path = join(data.directory, 'pg_wal', NAME);
    expect(await codeOf(push(path, [place.repo]))).toBe('wal.file');
    await symlink(target, path);
    expect(await codeOf(push(path, [place.repo]))).toBe('wal.file');
    await rename(path, join(data.directory, 'link'));
    await mkdir(path);
    expect(await codeOf(push(path, [place.repo]))).toBe('wal.file');
    await rename(path, join(data.directory, 'folder'));
    await once(spawn('mkfifo', [path]), 'exit');
    expect(await codeOf(push(path, [place.repo]))).toBe('wal.file');
  });

  it('refuses a file that changes between the two readings', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    for (const change of [
      makeSegment(NAME, { timeline: 1 }),
      makeSegment(NAME).subarray(0, 2 ** 23),
      Buffer.concat([makeSegment(NAME), Buffer.alloc(1)]),
    ]) {
      const path = await data.put(NAME, makeSegment(NAME));
      const repo: SiteRepository = {
        ...place.repo,
        store: {
          ...place.repo.store,
          put: async (key, body, options) => {
            if (key.includes('/wal/')) await writeFile(path, change);
            return place.repo.store.put(key, body, options);
          },
        },
      };
      expect(await codeOf(push(path, [repo]))).toBe('wal.mismatch');
      expect(await stored(place.repo, NAME)).toBe(0);
    }
  });

  it('lets the first reading be watched, so that a long one is not taken for one that stands still', async () => {
    await using data = await makeDataDirectory();
    const segment = makeSegment(NAME);
    let seen = 0;
    async function* watch(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const piece of pieces) {
        seen += piece.length;
        yield piece;
      }
    }
    await using source = await openWalSource(await data.put(NAME, segment), calm(), watch);
    expect(source.size).toBe(segment.length);
    expect(seen).toBe(segment.length);
  });

  it('never replaces other content under the name', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    await push(await data.put(NAME, makeSegment(NAME)), [place.repo]);
    const path = await data.put(NAME, makeSegment(NAME));
    expect(await codeOf(push(path, [place.repo]))).toBe('wal.conflict');
    expect(await codeOf(push(path, [place.repo]))).toBe('wal.conflict');
    expect(await stored(place.repo, NAME)).toBe(1);
  });
});

describe('pushing to several repositories', () => {
  it('is done only when as many have it as required', async () => {
    await using a = await temporaryRepository({ name: 'main' });
    await using b = await temporaryRepository({ name: 'offsite' });
    await using data = await makeDataDirectory();
    const path = await data.put(NAME, makeSegment(NAME));
    const reporter = createRecorder();
    const effects = { clock: systemClock, reporter, signal: calm() };
    const both = [a.repo, failing(b.repo)];
    await expect(push(path, both)).rejects.toThrow(
      `${NAME} is durable in 1 of 2 repositories, 2 required; repository "offsite": connection refused`,
    );
    expect(await push(path, both, { require: 1, effects })).toMatchObject({
      outcomes: [{ kind: 'already-there' }, { kind: 'failed', repository: 'offsite' }],
    });
    expect(reporter.events).toMatchObject([
      { kind: 'note', level: 'warning', message: expect.stringContaining('offsite') },
    ]);
    await push(path, [a.repo, b.repo]);
    expect(await stored(b.repo, NAME)).toBe(1);
    expect(await codeOf(push(path, [], { require: 'all' }))).toBe('store.unavailable');
    expect(await codeOf(push(path, [a.repo], { require: 2 }))).toBe('store.unavailable');
  });

  it('fails for another cluster or other content in any of them, however few are required', async () => {
    await using a = await temporaryRepository({ name: 'main' });
    await using b = await temporaryRepository({ name: 'offsite' });
    await using data = await makeDataDirectory();
    await push(await data.put(NAME, makeSegment(NAME)), [b.repo]);
    const path = await data.put(NAME, makeSegment(NAME));
    expect(await codeOf(push(path, [a.repo, b.repo], { require: 1 }))).toBe('wal.conflict');
    const foreign = await data.put(NAME, makeSegment(NAME, { systemIdentifier: '5' }));
    await using c = await temporaryRepository({ name: 'third' });
    expect(await codeOf(push(foreign, [c.repo, b.repo], { require: 1 }))).toBe('site.foreign-cluster');
  });

  it('does not wait for ever for one that hangs', async () => {
    await using a = await temporaryRepository({ name: 'main' });
    await using b = await temporaryRepository({ name: 'offsite' });
    await using data = await makeDataDirectory();
    const path = await data.put(NAME, makeSegment(NAME));
    const both = [a.repo, hanging(b.repo)];
    const started = performance.now();
    expect(await push(path, both, { require: 1, laggardMilliseconds: 200 })).toMatchObject({
      outcomes: [{}, { kind: 'failed' }],
    });
    await expect(push(path, both, { stallMilliseconds: 300 })).rejects.toThrow('nothing has moved for');
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('ends at once when it is interrupted', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    const path = await data.put(NAME, makeSegment(NAME));
    const stop = new AbortController();
    const effects = { clock: systemClock, reporter: createRecorder(), signal: stop.signal };
    const work = codeOf(push(path, [hanging(place.repo)], { effects }));
    await sleep(100);
    stop.abort(new Failure('interrupted', { message: 'stopped' }));
    expect(await work).toBe('interrupted');
  });
});

describe('a push that was killed', () => {
  it('leaves nothing that the next one does not repair', async () => {
    await using place = await temporaryRepository();
    await using data = await makeDataDirectory();
    const path = await data.put(NAME, makeSegment(NAME));
    const program = new URL('../../support/push-process.ts', import.meta.url).pathname;
    for (const delay of [0, 5, 10, 20, 40, 80]) {
      const child = spawn(process.execPath, [program, place.directory, path], { stdio: ['ignore', 'pipe', 'inherit'] });
      const exited = once(child, 'exit');
      await once(child.stdout, 'data');
      await sleep(delay);
      child.kill('SIGKILL');
      await exited;
      const objects = await findWal(place.repo, parseWalFileName(NAME), calm());
      expect(objects.length).toBeLessThanOrEqual(1);
    }
    const repo = await openTestRepository(place.directory);
    await push(path, [repo]);
    expect(await push(path, [repo])).toMatchObject({ outcomes: [{ kind: 'already-there' }] });
    expect(await stored(repo, NAME)).toBe(1);
  });
});
