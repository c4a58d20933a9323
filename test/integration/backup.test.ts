import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isFailure } from '../../src/domain/failure.ts';
import { parseWalFileName } from '../../src/domain/wal-file.ts';
import { type BackupMarker, readMarker } from '../../src/repository/backup-marker.ts';
import { readChunks } from '../../src/repository/chunk-reader.ts';
import { observeRepository } from '../../src/repository/observe-repository.ts';
import { readManifest } from '../../src/repository/read-manifest.ts';
import type { SiteRepository } from '../../src/repository/site-repository.ts';
import { findWal } from '../../src/repository/wal-objects.ts';
import { availableServers, giveToServer, type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { archiveCommand, runBackup, siteFor } from '../support/backup-run.ts';
import { countChanges, killPointEnvironment, spreadPoints } from '../support/kill-points.ts';
import { connectionTo } from '../support/postgres-client.ts';
import { createRecorder } from '../support/recorder.ts';
import { calm, type TemporaryRepository, temporaryRepository } from '../support/temporary-repository.ts';

const newest = availableServers().at(-1);

describe.each(availableServers())('a backup of $name', (installation) => {
  it('is restorable, knows its WAL, and stores little the second time', async () => {
    await using place = await temporaryRepository();
    giveToServer(place.directory);
    await using server = await startPostgres({
      server: installation,
      settings: { archive_mode: 'on', archive_command: archiveCommand(place.directory) },
      initdb: ['--data-checksums'],
    });
    await server.query('create table t as select i, md5(i::text) as t from generate_series(1, 300000) i');
    // Hint bits: otherwise the first reader changes every page.
    await server.query('vacuum t');
    const site = siteFor([connectionTo(server)]);
    const first = await runBackup(place.repo, site);
    expect(first).toMatchObject({
      method: 'stream',
      timeline: 1,
      carriesWal: false,
      labels: { 'page-checksums': 'verified' },
    });
    expect(first.bytes).toBeGreaterThan(40_000_000);
    for (const name of [first.wal.firstSegment, first.wal.lastSegment]) {
      expect(await findWal(place.repo, parseWalFileName(name), calm())).toHaveLength(1);
    }
    expect((await observeRepository(place.repo, calm())).backups).toMatchObject([
      { id: first.id, stopLsn: first.stopLsn },
    ]);

    await server.query('update t set t = upper(t) where i <= 1000');
    const second = await runBackup(place.repo, site);
    expect(second.packs.some((pack) => pack.backup === first.id)).toBe(true);
    expect(second.storedBytes).toBeLessThan(first.storedBytes / 10);

    const third = await runBackup(place.repo, siteFor([connectionTo(server)], { wal: 'none' }));
    expect(third).toMatchObject({ carriesWal: true });
    const target = mkdtempSync(path.join(os.tmpdir(), 'hoard-test-'));
    try {
      await rebuild(place.repo, third, target);
      await using restored = await startPostgres({
        server: installation,
        dataDirectory: target,
        settings: { archive_mode: 'off' },
      });
      await restored.waitUntilRecovered();
      const sql = "select count(*)::int as count, md5(string_agg(t, '' order by i)) as hash from t";
      expect(await restored.query(sql)).toEqual(await server.query(sql));
    } finally {
      rmSync(target, { recursive: true, force: true });
    }
  });
});

describe.skipIf(newest === undefined)('a backup of a cluster without page checksums', () => {
  it('does not claim that any were verified', async () => {
    await using place = await temporaryRepository();
    giveToServer(place.directory);
    await using server = await startPostgres({
      server: newest ?? '',
      settings: { archive_mode: 'on', archive_command: archiveCommand(place.directory) },
      // From 18 on initdb makes them unless told otherwise.
      initdb: (newest?.major ?? 0) >= 18 ? ['--no-data-checksums'] : [],
    });
    const marker = await runBackup(place.repo, siteFor([connectionTo(server)]));
    expect(marker.labels).toEqual({ 'page-checksums': 'none' });
  });
});

describe.skipIf(newest === undefined)('a backup of a promoted cluster', () => {
  it('brings the history of its timeline, also where the archiving began later', async () => {
    await using place = await temporaryRepository();
    giveToServer(place.directory);
    const target = mkdtempSync(path.join(os.tmpdir(), 'hoard-test-'));
    try {
      await using server = await startPostgres({ server: newest ?? 18 });
      await rebuild(place.repo, await runBackup(place.repo, siteFor([connectionTo(server)], { wal: 'none' })), target);
      writeFileSync(path.join(target, 'standby.signal'), '');
      const settings = { archive_mode: 'on', archive_command: archiveCommand(place.directory) };
      await using promoted = await startPostgres({ server: newest ?? 18, dataDirectory: target });
      await promoted.query('select pg_promote()');
      await promoted.waitUntilRecovered();
      await promoted.stop();
      rmSync(path.join(target, 'pg_wal/archive_status'), { recursive: true });
      mkdirSync(path.join(target, 'pg_wal/archive_status'));
      giveToServer(target);
      await using archiving = await startPostgres({ server: newest ?? 18, dataDirectory: target, settings });
      const marker = await runBackup(place.repo, siteFor([connectionTo(archiving)]));
      expect(marker).toMatchObject({ timeline: 2 });
      const { histories, backups } = await observeRepository(place.repo, calm());
      expect(histories.get(marker.timeline)).toMatchObject({ timeline: 2, ancestors: [{ timeline: 1 }] });
      expect(backups.map(({ timeline }) => timeline)).toEqual([1, 2]);
    } finally {
      rmSync(target, { recursive: true, force: true });
    }
  });
});

describe.skipIf(newest === undefined)('a backup that fails', () => {
  let server: PostgresServer;
  let place: TemporaryRepository;

  beforeAll(async () => {
    place = await temporaryRepository();
    giveToServer(place.directory);
    server = await startPostgres({
      server: newest ?? 18,
      settings: { archive_mode: 'on', archive_command: archiveCommand(place.directory), wal_keep_size: '64MB' },
      initdb: ['--wal-segsize=4', '--data-checksums'],
    });
    await server.query('create table big as select i, md5(i::text) as t from generate_series(1, 100000) i');
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });

  const known = async (): Promise<readonly string[]> =>
    (await observeRepository(place.repo, calm())).backups.map(({ id }) => id);

  const fails = async (run: () => Promise<unknown>): Promise<unknown> => {
    const before = await known();
    const error = await run().then(
      () => new Error('this should have failed'),
      (failure: unknown) => failure,
    );
    expect(await known()).toEqual(before);
    return error;
  };

  const setArchiveCommand = async (command: string): Promise<void> => {
    await server.query(`alter system set archive_command = '${command.replaceAll("'", "''")}'`);
    await server.query('select pg_reload_conf()');
    await expect
      .poll(async () => (await server.query('show archive_command'))[0])
      .toEqual({ archive_command: command });
  };

  it('because its WAL is never archived says what to look at, and is no backup', async () => {
    await setArchiveCommand('false');
    const recorder = createRecorder();
    const error = await fails(() =>
      runBackup(place.repo, siteFor([connectionTo(server)]), { walPatience: 1500, reporter: recorder }),
    );
    expect(error).toMatchObject({
      code: 'wal.missing',
      message: expect.stringMatching(/WAL segments? .* within 2 seconds, the first is 0000000100000000/),
    });
    expect(error).toMatchObject({ hint: expect.stringContaining('pg_stat_archiver counts') });
    expect(recorder.events.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['started', 'progress', 'waiting', 'failed']),
    );
    expect((await observeRepository(place.repo, calm())).packs).not.toEqual([]);
    await setArchiveCommand('');
    expect(await fails(() => runBackup(place.repo, siteFor([connectionTo(server)])))).toMatchObject({
      code: 'postgres.misconfigured',
      hint: expect.stringContaining('archive_command'),
    });
    await setArchiveCommand(archiveCommand(place.directory));
  });

  it('because the policy asks for what is not there yet says so', async () => {
    const run = (backup: Parameters<typeof siteFor>[1]): Promise<unknown> =>
      fails(() => runBackup(place.repo, siteFor([connectionTo(server)], backup)));
    expect(await run({ backup: { from: 'standby' } })).toMatchObject({ code: 'policy.unsupported' });
    expect(await run({ backup: { method: 'sql' } })).toMatchObject({ code: 'policy.unsupported' });
    expect(await run({ backup: { method: 'local' } })).toMatchObject({ code: 'policy.unsupported' });
  });

  it('because the server dies leaves nothing that counts, and the next one works', async () => {
    const recorder = createRecorder();
    let killing: Promise<void> | undefined;
    const dying = {
      events: recorder.events,
      report: (event: Parameters<typeof recorder.report>[0]) => {
        recorder.report(event);
        if (killing || event.kind !== 'progress' || event.doneBytes < 3_000_000) return;
        // It knows the server's children only while the server lives, and they keep its memory for a moment longer.
        killing = server.kill();
      },
    };
    await setArchiveCommand(archiveCommand(place.directory));
    // Slow enough that the server is killed in the middle: the store takes its time.
    const slow = {
      ...place.repo,
      codec: {
        ...place.repo.codec,
        encode: async (plain: Uint8Array) => (await pause(20), place.repo.codec.encode(plain)),
      },
    };
    const error = await fails(() => runBackup(slow, siteFor([connectionTo(server)]), { reporter: dying }));
    expect(isFailure(error, 'postgres.broken'), String(error)).toBe(true);
    await killing;
    await server.start();
    const marker = await runBackup(place.repo, siteFor([connectionTo(server)]));
    expect(await known()).toContain(marker.id);
  });

  it('because the store fails ends at once, with the error of the store', async () => {
    const { store } = place.repo;
    let room = 3;
    const full: SiteRepository = {
      ...place.repo,
      store: {
        ...store,
        capabilities: store.capabilities,
        description: store.description,
        put: (key, body, options) => store.put(key, key.endsWith('.pack') ? limited(body) : body, options),
        get: (key, options) => store.get(key, options),
        head: (key, options) => store.head(key, options),
        list: (prefix, options) => store.list(prefix, options),
        deleteMany: (keys, options) => store.deleteMany(keys, options),
        close: () => store.close(),
      },
    };
    async function* limited(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const piece of body) {
        room -= 1;
        if (room < 0) throw new Error('no room');
        yield piece;
      }
    }
    await server.query('insert into big select i, md5((i * 3)::text) from generate_series(1, 100000) i');
    const error = await fails(() => runBackup(full, siteFor([connectionTo(server)])));
    expect(String(error)).toContain('no room');
  });

  it('because it is interrupted ends at once', async () => {
    const controller = new AbortController();
    const recorder = createRecorder();
    const reporter = {
      report: (event: Parameters<typeof recorder.report>[0]) => {
        if (event.kind === 'progress') controller.abort(new Error('interrupted here'));
      },
    };
    const error = await fails(() =>
      runBackup(place.repo, siteFor([connectionTo(server)]), { signal: controller.signal, reporter }),
    );
    expect(String(error)).toContain('interrupted here');
  });

  it('by kill -9 at any change of the repository leaves the truth, and the next one works', async () => {
    const run = async (environment: Readonly<Record<string, string>>): Promise<boolean> => {
      const args = [
        path.join(import.meta.dirname, '../support/backup-process.ts'),
        place.directory,
        String(server.port),
        'none',
      ];
      const child = spawn(process.execPath, args, {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [code] = (await once(child, 'exit')) as [number | null];
      return code === 0;
    };
    const changes = await countChanges(place.directory, async (environment) => {
      expect(await run(environment)).toBe(true);
    });
    const points = spreadPoints(changes.length, 8);
    let killed = 0;
    for (const point of points) {
      const before = await known();
      // New content, so that packs are written.
      await server.query('update big set t = md5(t) where i <= 20000');
      if (!(await run(killPointEnvironment(place.directory, point)))) killed += 1;
      const observed = await observeRepository(place.repo, calm());
      expect(observed.unreadableBackups).toEqual([]);
      const fresh = observed.backups.filter(({ id }) => !before.includes(id));
      expect(fresh.length).toBeLessThanOrEqual(1);
      for (const backup of fresh) await expectComplete(place.repo, backup.id);
    }
    expect(killed).toBeGreaterThan(4);
    const marker = await runBackup(place.repo, siteFor([connectionTo(server)]));
    await expectComplete(place.repo, marker.id);
  });

  it('because pages are damaged is none: it is kept, marked and warned of', async () => {
    const [row] = await server.query<{ file: string }>("select pg_relation_filepath('big') as file");
    await server.stop();
    const file = openSync(path.join(server.dataDirectory, row?.file ?? ''), 'r+');
    writeSync(file, Buffer.from('damage'), 0, 6, 2 * 8192 + 5000);
    closeSync(file);
    await server.start();
    const recorder = createRecorder();
    const marker = await runBackup(place.repo, siteFor([connectionTo(server)]), { reporter: recorder });
    expect(marker.labels).toMatchObject({
      'page-checksums': 'failed',
      'server-warnings': expect.stringContaining(row?.file ?? ''),
    });
    expect(recorder.events.filter((event) => event.kind === 'note')).not.toEqual([]);
    const ignoring = await runBackup(place.repo, siteFor([connectionTo(server)], { backup: { checksums: 'ignore' } }));
    expect(ignoring.labels).toEqual({ 'page-checksums': 'ignored' });
  });
});

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, milliseconds));

/** Every byte that the manifest of a committed backup names can be read and fits its hash. */
async function expectComplete(repo: SiteRepository, id: BackupMarker['id']): Promise<void> {
  const target = mkdtempSync(path.join(os.tmpdir(), 'hoard-test-'));
  try {
    await rebuild(repo, await readMarker(repo, id, calm()), target);
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

/** The files of a backup as they were, by the manifest and nothing else. */
async function rebuild(repo: SiteRepository, marker: BackupMarker, target: string): Promise<void> {
  chmodSync(target, 0o700);
  for await (const line of readManifest(repo, marker, calm())) {
    if (line.kind === 'directory') mkdirSync(path.join(target, line.path), { recursive: true, mode: line.mode });
    if (line.kind !== 'file') continue;
    await using file = await open(path.join(target, line.path), 'w', line.mode);
    const requests = line.chunks.map((chunk) => ({ chunk, file: line.path }));
    let size = 0;
    for await (const { plain } of readChunks(repo, requests, calm())) {
      await file.write(plain);
      size += plain.length;
    }
    expect(size).toBe(line.size);
  }
}
