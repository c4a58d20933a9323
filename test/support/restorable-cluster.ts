import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { giveToServer, type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { LAUNCHER, type PolicyFolder, policyFolder, runHoard } from './hoard-cli.ts';

/** A real server with archiving into a repository, one backup, and known moments after it. */
export interface RestorableCluster extends AsyncDisposable {
  readonly server: PostgresServer;
  readonly place: PolicyFolder;
  /** Where the tablespace `fast` lies, and its oid. */
  readonly tablespace: { readonly oid: string; readonly path: string };
  /** After 'one' and before 'two'. */
  readonly moment: { readonly time: string; readonly lsn: string };
  /** The transaction that inserted 'two'. */
  readonly xid: string;
  /** Brings hoard and PostgreSQL together: the argv of restore_command without %f and %p. */
  readonly restoreCommand: readonly string[];
}

const POLICIES = `
apiVersion: hoard/v1
kind: Repository
metadata: { name: local }
spec: { storage: { type: local, directory: ./hoard-repository } }
---
apiVersion: hoard/v1
kind: Policy
metadata: { name: daily }
spec: { backup: { schedule: { cron: "0 2 * * *" } }, wal: { method: archive-command }, retention: { keep: { last: 2 } } }
---
apiVersion: hoard/v1
kind: Site
metadata: { name: main }
spec: { policy: daily, repositories: [local], connections: [{ uri: { fromEnv: HOARD_MAIN_URI } }] }
`;

/** Rows of table `t` after the backup: 'before' is in it, then 'one', the moment, 'two', 'three'. All WAL is archived when it resolves. */
export async function restorableCluster(major: number): Promise<RestorableCluster> {
  const place = policyFolder(POLICIES);
  const command = [process.execPath, LAUNCHER, '-f', place.policies, 'wal'];
  const server = await startPostgres({
    server: major,
    initdb: ['--wal-segsize=1'],
    settings: {
      archive_mode: 'on',
      archive_command: `${command.join(' ')} push %p`,
      max_wal_size: '64MB',
      min_wal_size: '4MB',
    },
  });
  const dispose = async (): Promise<void> => {
    await server[Symbol.asyncDispose]();
    place[Symbol.dispose]();
  };
  try {
    return {
      server,
      place,
      ...(await fill(server, place)),
      restoreCommand: [...command, 'fetch'],
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function fill(
  server: PostgresServer,
  place: PolicyFolder,
): Promise<Pick<RestorableCluster, 'tablespace' | 'moment' | 'xid'>> {
  const tablespacePath = path.join(place.folder, 'fast');
  mkdirSync(tablespacePath, { mode: 0o700 });
  giveToServer(tablespacePath);
  await server.query(`create tablespace fast location '${tablespacePath}'`);
  await server.query('create table t (id serial primary key, what text)');
  await server.query(
    'create table big tablespace fast as select g as id, md5(g::text) as text from generate_series(1, 30000) g',
  );
  await server.query("insert into t (what) values ('before')");
  const taken = await runHoard(['-f', place.policies, 'backup', 'take'], {
    cwd: place.folder,
    environment: { HOARD_MAIN_URI: server.connectionUri() },
  });
  if (taken.status !== 0) throw new Error(`hoard backup take: ${taken.stderr}`);
  await server.query("insert into t (what) values ('one')");
  await server.query("select pg_create_restore_point('after-one')");
  const [moment] = await server.query<{ time: Date; lsn: string }>(
    'select clock_timestamp() as time, pg_current_wal_insert_lsn()::text as lsn',
  );
  await sleep(50);
  const [two] = await server.query<{ xid: string }>("insert into t (what) values ('two') returning xmin::text as xid");
  await sleep(20);
  await server.query("insert into t (what) values ('three')");
  await archiveEverything(server);
  const [{ oid } = { oid: '' }] = await server.query<{ oid: string }>(
    "select oid::text from pg_tablespace where spcname = 'fast'",
  );
  return {
    tablespace: { oid, path: tablespacePath },
    moment: { time: moment?.time.toISOString() ?? '', lsn: moment?.lsn ?? '' },
    xid: two?.xid ?? '',
  };
}

/** Ends the current segment and waits until it is archived. */
export async function archiveEverything(server: PostgresServer): Promise<void> {
  const [row] = await server.query<{ name: string }>('select pg_walfile_name(pg_switch_wal()) as name');
  for (let wait = 0; wait < 600; wait += 1) {
    const [archiver] = await server.query<{ last: string | null }>(
      'select last_archived_wal as last from pg_stat_archiver',
    );
    if ((archiver?.last ?? '') >= (row?.name ?? '~')) return;
    await sleep(50);
  }
  throw new Error(`segment ${row?.name} was not archived:\n${server.log().slice(-4000)}`);
}
