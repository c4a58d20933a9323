import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatLsn } from '../../src/domain/lsn.ts';
import { timelineId } from '../../src/domain/timeline.ts';
import { parseBackupLabel } from '../../src/postgres/backup-label.ts';
import { type BaseBackupOptions, startBaseBackup } from '../../src/postgres/base-backup.ts';
import { parseControlFile } from '../../src/postgres/control-file.ts';
import { observeCluster } from '../../src/postgres/observe-cluster.ts';
import { openReplication } from '../../src/postgres/replication.ts';
import { checkSegment } from '../../src/postgres/wal-check.ts';
import {
  availableServers,
  findProgram,
  giveToServer,
  type PostgresServer,
  startPostgres,
} from '../../support/embedded-postgres.ts';
import { connectionTo, postgresContext, writeEntries } from '../support/postgres-client.ts';

const OPTIONS: BaseBackupOptions = {
  label: "a label with 'quotes'",
  fast: true,
  includeWal: true,
  verifyChecksums: true,
};

describe.each(availableServers())('a base backup of $name', (installation) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-test-'));
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({
      server: installation,
      settings: { max_wal_size: '1GB' },
      initdb: ['--data-checksums', '--wal-segsize=4'],
    });
    const space = path.join(folder, 'space');
    mkdirSync(space);
    giveToServer(space);
    await server.query(`create tablespace elsewhere location '${space}'`);
    await server.query(
      'create table moved tablespace elsewhere as select i, md5(i::text) as t from generate_series(1, 20000) i',
    );
    await server.query('create table account as select i as id, 100 as balance from generate_series(1, 200) i');
    await server.query('create table big as select i, md5(i::text) as t from generate_series(1, 200000) i');
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it('starts as a server with the same data, taken under a load of writes', async () => {
    const ended = new AbortController();
    const load = transferUntil(ended.signal, server);
    const target = path.join(folder, 'restored');
    const place = path.join(folder, 'space-restored');
    await using connection = await openReplication(connectionTo(server), postgresContext());
    const identity = await connection.identifySystem();
    expect(await connection.segmentSize()).toBe(4 * 1024 * 1024);
    const backup = await startBaseBackup(connection, OPTIONS);
    expect(backup.tablespaces).toMatchObject([{ path: path.join(folder, 'space') }]);
    expect(backup.sizeEstimate).toBeGreaterThan(20_000_000);
    await writeEntries(backup.entries, target, new Map(backup.tablespaces.map(({ oid }) => [oid, place])));
    const end = await backup.finish();
    ended.abort();
    expect(await load).toBeGreaterThan(5);
    expect(end).toMatchObject({ timeline: 1, warnings: [], checksumFailures: false });
    expect(end.stopLsn).toBeGreaterThan(backup.startLsn);

    const label = parseBackupLabel(readFileSync(path.join(target, 'backup_label'), 'utf8'));
    expect(label).toMatchObject({
      startLsn: backup.startLsn,
      timeline: 1,
      label: OPTIONS.label,
      method: 'streamed',
      from: 'primary',
    });
    const map = readFileSync(path.join(target, 'tablespace_map'), 'utf8');
    expect(map).toBe(`${backup.tablespaces[0]?.oid} ${path.join(folder, 'space')}\n`);
    const control = parseControlFile(readFileSync(path.join(target, 'global/pg_control')));
    expect(control).toMatchObject({
      systemIdentifier: identity.systemIdentifier,
      segmentSize: 4 * 1024 * 1024,
      checksums: true,
    });
    for (const name of readdirSync(path.join(target, 'pg_wal')).filter((each) => each.length === 24)) {
      const head = readFileSync(path.join(target, 'pg_wal', name));
      expect(checkSegment({ name, head, size: head.length, identity: control })).toMatchObject({
        major: installation.major,
      });
    }

    // With the map removed the server follows the links that are there.
    rmSync(path.join(target, 'tablespace_map'));
    await using restored = await startPostgres({ server: installation, dataDirectory: target });
    await restored.waitUntilRecovered();
    expect(await restored.query('select sum(balance)::int as sum, count(*)::int as count from account')).toEqual([
      { sum: 20_000, count: 200 },
    ]);
    for (const table of ['moved', 'big']) {
      const sql = `select count(*)::int as count, md5(string_agg(t, '' order by i)) as hash from ${table}`;
      expect(await restored.query(sql)).toEqual(await server.query(sql));
    }
    await restored.stop();
    judgeChecksums(installation.major, target);
  });

  it('fails without hanging when the server dies in the middle', async () => {
    await using connection = await openReplication(connectionTo(server), postgresContext());
    const backup = await startBaseBackup(connection, { ...OPTIONS, maxRateKibibytes: 2048 });
    const reading = writeEntries(killAfterFirst(backup.entries, server), path.join(folder, 'cut'));
    await expect(reading).rejects.toMatchObject({ name: 'Failure', code: 'postgres.broken' });
    await expect(backup.finish()).rejects.toMatchObject({ code: 'bug' });
    await server.start();
  });

  it('stops at once when aborted, on both sides', async () => {
    const controller = new AbortController();
    await using connection = await openReplication(connectionTo(server), postgresContext({}, controller.signal));
    const backup = await startBaseBackup(connection, { ...OPTIONS, maxRateKibibytes: 2048 });
    setTimeout(() => controller.abort(new Error('enough')), 200);
    const begun = performance.now();
    await expect(writeEntries(backup.entries, path.join(folder, 'aborted'))).rejects.toThrow('enough');
    expect(performance.now() - begun).toBeLessThan(2000);
    await expect
      .poll(() => server.query("select pid from pg_stat_activity where application_name = 'hoard'"), {
        timeout: 10_000,
      })
      .toEqual([]);
  });

  it('says which pages the server found damaged, and still ends', async () => {
    const [row] = await server.query<{ file: string }>("select pg_relation_filepath('big') as file");
    await server.stop();
    const file = openSync(path.join(server.dataDirectory, row?.file ?? ''), 'r+');
    writeSync(file, Buffer.from('damage'), 0, 6, 3 * 8192 + 5000);
    await server.start();
    const take = async (verifyChecksums: boolean): Promise<object> => {
      await using connection = await openReplication(connectionTo(server), postgresContext());
      const backup = await startBaseBackup(connection, { ...OPTIONS, verifyChecksums });
      for await (const entry of backup.entries)
        if (entry.kind === 'file' && entry.path === 'global/pg_control') expect(entry.size).toBe(8192);
      return await backup.finish();
    };
    expect(await take(true)).toMatchObject({
      checksumFailures: true,
      warnings: [expect.stringContaining(`checksum verification failed in file`)],
    });
    expect(await take(false)).toMatchObject({ checksumFailures: false, warnings: [] });
    await server.query('drop table big');
  });

  it('follows the cluster to another timeline', async () => {
    const target = path.join(folder, 'promoted');
    await using connection = await openReplication(connectionTo(server), postgresContext());
    const backup = await startBaseBackup(connection, OPTIONS);
    await writeEntries(
      backup.entries,
      target,
      new Map(backup.tablespaces.map(({ oid }) => [oid, path.join(folder, 'space-promoted')])),
    );
    await backup.finish();
    rmSync(path.join(target, 'tablespace_map'));
    writeSync(openSync(path.join(target, 'standby.signal'), 'w'), '');
    await using standby = await startPostgres({ server: installation, dataDirectory: target });
    const site = { name: 'x', connections: [connectionTo(standby)] };
    expect(await observe(site)).toMatchObject({ role: 'standby', timeline: 1, version: expect.any(Number) });
    expect(await observe({ name: 'x', connections: [connectionTo(standby), connectionTo(server)] })).toMatchObject({
      role: 'primary',
    });
    await standby.query('select pg_promote()');
    await standby.waitUntilRecovered();
    expect(await observe(site)).toMatchObject({ role: 'primary', timeline: 2 });
    await using second = await openReplication(connectionTo(standby), postgresContext());
    expect((await second.identifySystem()).timeline).toBe(2);
    const { history } = await second.timelineHistory(timelineId(2));
    expect(history).toMatchObject({ timeline: 2, ancestors: [{ timeline: 1 }] });
    const again = await startBaseBackup(second, { ...OPTIONS, includeWal: false });
    expect(again.timeline).toBe(2);
  });
});

describe.skipIf(findProgram('pg_controldata', 15) === undefined)('the programs of PostgreSQL 15 as judges', () => {
  it('agree on the control file and on the WAL', async () => {
    await using server = await startPostgres({
      server: path.dirname(findProgram('pg_controldata', 15) ?? ''),
      initdb: ['--wal-segsize=1'],
    });
    await server.query('create table t as select generate_series(1, 100000)');
    await server.query('checkpoint');
    const ours = parseControlFile(readFileSync(path.join(server.dataDirectory, 'global/pg_control')));
    const theirs = new Map(
      run('pg_controldata', [server.dataDirectory])
        .split('\n')
        .map((line) => line.split(/:\s+/, 2) as [string, string]),
    );
    expect({
      'Database system identifier': String(ours.systemIdentifier),
      'pg_control version number': String(ours.controlVersion),
      'Catalog version number': String(ours.catalogVersion),
      'Database cluster state': ours.state,
      'Latest checkpoint location': formatLsn(ours.checkpoint),
      "Latest checkpoint's REDO location": formatLsn(ours.redo),
      "Latest checkpoint's TimeLineID": String(ours.timeline),
      'Bytes per WAL segment': String(ours.segmentSize),
      'Database block size': String(ours.blockSize),
      'Data page checksum version': ours.checksums ? '1' : '0',
    }).toEqual(Object.fromEntries([...theirs].filter(([name]) => WANTED.has(name))));
    // pg_waldump finds records only in a segment that it takes for valid, and says where the first one lies.
    const wal = path.join(server.dataDirectory, 'pg_wal');
    const name =
      readdirSync(wal)
        .filter((each) => /^[0-9A-F]{24}$/.test(each))
        .sort()[0] ?? '';
    const head = readFileSync(path.join(wal, name));
    checkSegment({ name, head, size: head.length, identity: ours });
    const first = /lsn: ([0-9A-F/]+)/.exec(run('pg_waldump', ['-n', '1', path.join(wal, name)]))?.[1] ?? '';
    expect(Number.parseInt(first.split('/')[1] ?? '', 16) >>> 20).toBe(Number.parseInt(name.slice(16), 16));
  });
});

const WANTED = new Set([
  'Database system identifier',
  'pg_control version number',
  'Catalog version number',
  'Database cluster state',
  'Latest checkpoint location',
  "Latest checkpoint's REDO location",
  "Latest checkpoint's TimeLineID",
  'Bytes per WAL segment',
  'Database block size',
  'Data page checksum version',
]);

function run(program: string, args: readonly string[]): string {
  return execFileSync(findProgram(program, 15) ?? '', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

function judgeChecksums(major: number, dataDirectory: string): void {
  const program = findProgram('pg_checksums', major);
  if (program !== undefined) execFileSync(program, ['--check', '-D', dataDirectory], { stdio: 'pipe' });
}

/** Moves money between accounts, one transaction at a time: the sum is always the same. Gives the number of transfers. */
async function transferUntil(signal: AbortSignal, server: PostgresServer): Promise<number> {
  let count = 0;
  while (!signal.aborted) {
    const from = 1 + (count % 100);
    await server.query(
      'update account set balance = balance + case id when $1 then -1 else 1 end where id in ($1, $2)',
      [from, from + 100],
    );
    count += 1;
  }
  return count;
}

async function* killAfterFirst<T>(entries: AsyncIterable<T>, server: PostgresServer): AsyncGenerator<T> {
  let count = 0;
  for await (const entry of entries) {
    yield entry;
    count += 1;
    if (count === 2) await server.kill();
  }
}

type Site = Parameters<typeof observeCluster>[0];

async function observe(site: {
  readonly name: string;
  readonly connections: Site['connections'];
}): ReturnType<typeof observeCluster> {
  return observeCluster(site as Site, postgresContext());
}
