import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { availableServers, findProgram, type PostgresServer, startPostgres } from '../support/embedded-postgres.ts';

/** A server of the version of pg_basebackup, which takes none newer than itself; of the newest version there is without one. */
export async function startBenchServer(): Promise<PostgresServer> {
  const program = findProgram('pg_basebackup');
  return startPostgres({
    server: program === undefined ? (availableServers().at(-1) ?? 18) : path.dirname(program),
    settings: { max_wal_size: '8GB', checkpoint_timeout: '1h', autovacuum: 'off', shared_buffers: '128MB' },
  });
}

/** pgbench's accounts with their index, and a tenth of bytes that do not compress. Gives the size of all databases in bytes. */
export async function fill(server: PostgresServer, wanted: number): Promise<number> {
  // 150 bytes a row with its index entry; 165 for a row of noise.
  const accounts = Math.round((wanted * 0.9) / 150);
  const noise = Math.round((wanted * 0.1) / 165);
  await server.query(
    `create table accounts as select i as aid, i / 100000 as bid, 0 as abalance, ' '::char(84) as filler from generate_series(1, ${accounts}) i`,
  );
  await server.query('alter table accounts add primary key (aid)');
  const bytes = Array.from({ length: 8 }, () => 'md5(random()::text)').join(' || ');
  await server.query(
    `create table noise as select i, decode(${bytes}, 'hex') as b from generate_series(1, ${noise}) i`,
  );
  await server.query('vacuum (freeze, analyze)');
  await server.query('checkpoint');
  const [row] = await server.query<{ size: string }>('select sum(pg_database_size(oid)) as size from pg_database');
  return Number(row?.size);
}

/** pg_basebackup's arguments for one tar file in a directory. */
export function baseBackupArguments(
  server: PostgresServer,
  directory: string,
  options: readonly string[],
): readonly string[] {
  const fixed = ['-Ft', '-X', 'fetch', '-c', 'fast', '--no-manifest'];
  return ['-d', server.connectionUri(), '-D', directory, ...fixed, ...options];
}

/** Policies for a site `bench` in a local repository; gives the arguments with which Node runs hoard on them. */
export function writePolicies(
  folder: string,
  server: PostgresServer,
  walMethod: 'none' | 'archive-command',
): readonly string[] {
  const file = path.join(folder, 'policies.yaml');
  writeFileSync(
    file,
    `apiVersion: hoard/v1
kind: Repository
metadata: { name: bench }
spec:
  storage: { type: local, directory: ${JSON.stringify(path.join(folder, 'repository'))} }
  compression: { algorithm: zstd, level: 3 }
---
apiVersion: hoard/v1
kind: Policy
metadata: { name: bench }
spec:
  backup: { method: stream }
  wal: { method: ${walMethod} }
  retention: { keep: { last: 1 } }
---
apiVersion: hoard/v1
kind: Site
metadata: { name: bench }
spec:
  policy: bench
  repositories: [bench]
  connections: [{ host: 127.0.0.1, port: ${server.port}, user: postgres }]
`,
  );
  return [path.join(import.meta.dirname, '../bin/hoard.mjs'), '-f', file];
}
