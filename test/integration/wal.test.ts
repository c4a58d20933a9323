import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timelineId } from '../../src/domain/timeline.ts';
import { parseWalFileName } from '../../src/domain/wal-file.ts';
import { identityKey } from '../../src/repository/layout.ts';
import { observeRepository } from '../../src/repository/observe-repository.ts';
import { findWal } from '../../src/repository/wal-objects.ts';
import { systemClock } from '../../src/telemetry/system-effects.ts';
import { fetchWalFile } from '../../src/wal/fetch.ts';
import { listWal } from '../../src/wal/list.ts';
import { pushWalFile } from '../../src/wal/push.ts';
import {
  availableServers,
  giveToServer,
  type PostgresServer,
  type Settings,
  startPostgres,
} from '../../support/embedded-postgres.ts';
import { createRecorder } from '../support/recorder.ts';
import { codeOf } from '../support/repository-objects.ts';
import { calm, type TemporaryRepository, temporaryRepository } from '../support/temporary-repository.ts';

const effects = { clock: systemClock, reporter: createRecorder(), signal: calm() };

const PROGRAMS = {
  push: new URL('../support/push-process.ts', import.meta.url),
  fetch: new URL('../support/fetch-process.ts', import.meta.url),
};

/** A command line for archive_command or restore_command; the repository is made usable for the server. */
function command(program: 'push' | 'fetch', place: TemporaryRepository, rest: string): string {
  giveToServer(place.directory);
  return `"${process.execPath}" "${PROGRAMS[program].pathname}" "${place.directory}" ${rest}`;
}

const isSegment = (name: string): boolean => /^[0-9A-F]{24}$/.test(name);

/** Ends the current segment; its name. */
async function switchSegment(server: PostgresServer): Promise<string> {
  const [row] = await server.query<{ name: string }>('select pg_walfile_name(pg_switch_wal()) as name');
  if (!row) throw new Error('pg_switch_wal gave nothing');
  return row.name;
}

describe.each(availableServers())('WAL of $name', (installation) => {
  it.each([1, 16, 64])('is stored and comes back with segments of %i MiB, and nowhere else', async (megabytes) => {
    await using server = await startPostgres({
      server: installation,
      initdb: [`--wal-segsize=${megabytes}`],
      settings: { wal_keep_size: '1GB', wal_recycle: 'off', min_wal_size: '128MB', max_wal_size: '1GB' },
    });
    await using place = await temporaryRepository();
    await using other = await temporaryRepository({ site: 'other' });
    let last = '';
    for (let n = 0; n < 3; n += 1) {
      await server.query(`create table t${n} as select generate_series(1, 1000) i`);
      last = await switchSegment(server);
    }
    const pgWal = join(server.dataDirectory, 'pg_wal');
    const names = (await readdir(pgWal)).filter((name) => isSegment(name) && name <= last).sort();
    expect(names.length).toBeGreaterThanOrEqual(3);
    for (const name of names)
      await pushWalFile({ path: join(pgWal, name), repositories: [place.repo], require: 'all', effects });
    const { timelines, segmentSize } = listWal(await observeRepository(place.repo, calm()));
    expect(segmentSize).toBe(megabytes * 2 ** 20);
    expect(timelines).toMatchObject([
      { timeline: 1, ranges: [{ firstName: names[0], lastName: names.at(-1) }], gaps: [] },
    ]);

    const folder = await mkdtemp(join(tmpdir(), 'hoard-wal-'));
    try {
      for (const name of names) {
        const request = { name, destination: name, repositories: [place.repo], workingDirectory: folder, effects };
        expect(await fetchWalFile(request)).toMatchObject({ exitStatus: 0 });
        expect((await readFile(join(folder, name))).equals(await readFile(join(pgWal, name)))).toBe(true);
      }
      // As a recycled segment looks: old content under a name to come.
      const [first = ''] = names;
      const recycled = `${first.slice(0, 22)}F0`;
      await cp(join(pgWal, first), join(folder, megabytes === 64 ? `${first.slice(0, 22)}30` : recycled));
      const path = join(folder, megabytes === 64 ? `${first.slice(0, 22)}30` : recycled);
      expect(await codeOf(pushWalFile({ path, repositories: [place.repo], require: 'all', effects }))).toBe(
        'wal.mismatch',
      );
      expect(await codeOf(pushWalFile({ path, repositories: [other.repo], require: 'all', effects }))).toBe(
        'wal.mismatch',
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('a server that archives and restores by hoard', () => {
  let server: PostgresServer;
  let place: TemporaryRepository;
  let folder = '';
  const segments: string[] = [];
  /** In the middle of the fourth segment, after the fourth row. */
  let middle = '';

  beforeAll(async () => {
    place = await temporaryRepository();
    folder = await mkdtemp(join(tmpdir(), 'hoard-recovery-'));
    const [installation] = availableServers().filter(({ major }) => major >= 15);
    if (!installation) throw new Error('no server');
    server = await startPostgres({
      server: installation,
      settings: { archive_mode: 'on', archive_command: command('push', place, '"%p"'), wal_recycle: 'off' },
    });
    await server.query('create table t (n int)');
    await server.query('checkpoint');
    await server.stop();
    await cp(server.dataDirectory, join(folder, 'base'), { recursive: true });
    await server.start();
    for (let n = 1; n <= 6; n += 1) {
      await server.query('insert into t values ($1)', [n]);
      if (n === 4) middle = (await server.query<{ at: string }>('select pg_current_wal_lsn() as at'))[0]?.at ?? '';
      segments.push(await switchSegment(server));
    }
    for (;;) {
      const [row] = await server.query<{ last: string | null }>(
        'select last_archived_wal as last from pg_stat_archiver',
      );
      if ((row?.last ?? '') >= (segments.at(-1) ?? '')) break;
      await sleep(50);
    }
    await server.kill();
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  /** Starts the copy of the stopped server as a recovery or standby that reads from the repository. */
  async function recover(
    name: string,
    signalFile: 'recovery.signal' | 'standby.signal',
    more: Settings = {},
  ): Promise<PostgresServer> {
    const dataDirectory = join(folder, name);
    await cp(join(folder, 'base'), dataDirectory, { recursive: true });
    await writeFile(join(dataDirectory, signalFile), '');
    giveToServer(dataDirectory);
    return startPostgres({
      server: { major: server.major, binDirectory: server.binDirectory, name: 'the same' },
      dataDirectory,
      settings: {
        archive_mode: 'off',
        restore_command: command('fetch', place, '"%f" "%p" 300'),
        wal_retrieve_retry_interval: '200ms',
        ...more,
      },
    });
  }

  const rowsOf = async (each: PostgresServer): Promise<number> => (await each.query('select n from t')).length;

  it('recovers everything that was archived', async () => {
    await using restored = await recover('all', 'recovery.signal');
    await restored.waitUntilRecovered();
    expect(await rowsOf(restored)).toBe(6);
  });

  it('goes on on a new timeline, whose first segment begins with pages of the old one', async () => {
    const target = { recovery_target_lsn: middle, recovery_target_inclusive: false, recovery_target_action: 'promote' };
    await using restored = await recover('middle', 'recovery.signal', target);
    await restored.waitUntilRecovered();
    expect(await rowsOf(restored)).toBe(4);
    await restored.query('insert into t values (7)');
    const first = await switchSegment(restored);
    const pgWal = join(restored.dataDirectory, 'pg_wal');
    expect(first).toBe(`00000002${segments[3]?.slice(8)}`);
    expect((await readFile(join(pgWal, first))).readUInt32LE(4)).toBe(1);
    await using copy = await temporaryRepository();
    // The archiver hands over the history first, when the repository does not know the cluster yet.
    for (const name of ['00000002.history', first]) {
      await pushWalFile({ path: join(pgWal, name), repositories: [copy.repo], require: 'all', effects });
    }
    const observed = await observeRepository(copy.repo, calm());
    expect(observed.histories.get(timelineId(2))?.ancestors).toMatchObject([{ timeline: 1 }]);
    expect(listWal(observed).timelines).toMatchObject([{ timeline: 2, ranges: [{ firstName: first, segments: 1 }] }]);
    const request = {
      name: first,
      destination: 'fetched',
      repositories: [copy.repo],
      workingDirectory: restored.dataDirectory,
      effects,
    };
    expect(await fetchWalFile(request)).toMatchObject({ exitStatus: 0 });
    // The old timeline's segment of the same number is another file with another name; neither stands for the other.
    expect(await fetchWalFile({ ...request, name: segments[3] ?? '' })).toMatchObject({
      kind: 'not-found',
      exitStatus: 1,
    });
  });

  it('stops rather than lose commits when a segment in the middle is damaged, and goes on when it is repaired', async () => {
    const [object] = await findWal(place.repo, parseWalFileName(segments[3] ?? ''), calm());
    if (!object) throw new Error('no object');
    const whole = await readFile(place.pathOf(object.key));
    await place.rewrite(object.key, (bytes) => bytes.fill(0, bytes.length - 20));
    let log = '';
    try {
      await using restored = await recover('damaged', 'recovery.signal');
      // It may become ready to read for a moment before it meets the segment; then it must end, never promote.
      await restored.waitForExit();
      log = restored.log();
    } catch (error) {
      log = String(error);
    }
    expect(log).toContain('is damaged');
    expect(log).not.toContain('selected new timeline');
    await place.rewrite(object.key, () => whole);
    await rm(join(folder, 'damaged'), { recursive: true });
    await using again = await recover('damaged', 'recovery.signal');
    await again.waitUntilRecovered();
    expect(await rowsOf(again)).toBe(6);
  });

  it('keeps a standby alive through an outage of the repository', async () => {
    const key = identityKey(place.repo.site);
    const whole = await readFile(place.pathOf(key));
    await place.rewrite(key, () => Buffer.from('{}'));
    await using standby = await recover('standby', 'standby.signal');
    await sleep(1000);
    expect(await rowsOf(standby)).toBeLessThan(6);
    await place.rewrite(key, () => whole);
    for (let n = 0; n < 200 && (await rowsOf(standby)) < 6; n += 1) await sleep(50);
    expect(await rowsOf(standby)).toBe(6);
    const [row] = await standby.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
    expect(row?.standby).toBe(true);
  });
});
