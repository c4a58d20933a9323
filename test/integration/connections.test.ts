import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DesiredConnection } from '../../src/domain/desired.ts';
import { isFailure } from '../../src/domain/failure.ts';
import { startBaseBackup } from '../../src/postgres/base-backup.ts';
import { openSql } from '../../src/postgres/connect.ts';
import { observeCluster } from '../../src/postgres/observe-cluster.ts';
import { openReplication } from '../../src/postgres/replication.ts';
import { availableServers, giveToServer, type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { connectionTo, postgresContext } from '../support/postgres-client.ts';

const PASSWORD = 'p@ss:w0rd/canary%';
const newest = availableServers().at(-1);
const openssl = spawnSync('openssl', ['version']).status === 0;

describe.skipIf(newest === undefined)('connections', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-test-'));
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({ server: newest ?? 18 });
    await server.query(`create role backup login replication password '${PASSWORD}'`);
    await server.query(`create role nobody_special login password '${PASSWORD}'`);
    if (openssl) makeCertificate(folder, server);
    appendFileSync(path.join(server.dataDirectory, 'postgresql.conf'), openssl ? '\nssl = on\n' : '');
    writeFileSync(
      path.join(server.dataDirectory, 'pg_hba.conf'),
      ['local all all trust', 'hostssl all tls_only 127.0.0.1/32 trust', 'host all postgres 127.0.0.1/32 trust']
        .concat([
          'host all,replication backup,nobody_special 127.0.0.1/32 scram-sha-256',
          'host replication postgres 127.0.0.1/32 trust',
          '',
        ])
        .join('\n'),
    );
    await server.stop();
    await server.start();
    await server.query('create role tls_only login');
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const backup = (change: Partial<Extract<DesiredConnection, { kind: 'parameters' }>> = {}): DesiredConnection =>
    connectionTo(server, { user: 'backup', password: { kind: 'env', name: 'PW' }, ...change });

  it('log in with a password behind a secret reference, by URI too', async () => {
    const uri = `postgres://backup:${encodeURIComponent(PASSWORD)}@127.0.0.1:${server.port}/postgres`;
    for (const connection of [backup(), { kind: 'uri', uri: { kind: 'env', name: 'URI' }, slot: undefined } as const]) {
      await using replication = await openReplication(connection, postgresContext({ PW: PASSWORD, URI: uri }));
      expect((await replication.identifySystem()).timeline).toBe(1);
      // A role with REPLICATION and nothing else sees all that hoard needs.
      const cluster = await observe([connection], { PW: PASSWORD, URI: uri });
      expect(cluster).toMatchObject({ role: 'primary', archiving: { mode: 'off', configured: false } });
      expect(cluster.dataBytes).toBeGreaterThan(1_000_000);
    }
  });

  it('use a Unix socket', async () => {
    await using sql = await openSql(connectionTo(server, { host: server.socketDirectory }), postgresContext());
    expect(await sql.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('say why a login is refused, without the password', async () => {
    for (const [connection, code] of [
      [backup({ password: { kind: 'env', name: 'WRONG' } }), 'postgres.rejected'],
      [backup({ password: undefined }), 'postgres.rejected'],
      [backup({ password: { kind: 'env', name: 'ABSENT' } }), 'secret.unavailable'],
      [backup({ database: 'nothing' }), 'postgres.rejected'],
      [connectionTo(server, { user: 'stranger' }), 'postgres.rejected'],
      [backup({ port: 1 }), 'postgres.unreachable'],
      [backup({ host: 'nothing.invalid' }), 'postgres.unreachable'],
    ] as const) {
      const error = await failureOf(openSql(connection, postgresContext({ PW: PASSWORD, WRONG: `x${PASSWORD}` })));
      expect(isFailure(error, code), inspect(error)).toBe(true);
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
    }
    const error = await failureOf(
      openReplication(backup({ user: 'nobody_special' }), postgresContext({ PW: PASSWORD })),
    );
    expect(error).toMatchObject({ code: 'postgres.rejected', hint: expect.stringContaining('REPLICATION') });
  });

  it('name the SQL error, and the broken connection', async () => {
    await using sql = await openSql(backup(), postgresContext({ PW: PASSWORD }));
    expect(await failureOf(sql.query('select * from nowhere'))).toMatchObject({
      code: 'postgres.query',
      message: expect.stringContaining('SQLSTATE 42P01'),
    });
    const waiting = failureOf(sql.query('select pg_sleep(30)'));
    await server.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'backup'");
    expect(await waiting).toMatchObject({ code: 'postgres.broken' });
    expect(await failureOf(sql.query('select 1'))).toMatchObject({ code: 'postgres.broken' });
  });

  it('stop with the signal, while waiting as well', async () => {
    const controller = new AbortController();
    await using sql = await openSql(backup(), postgresContext({ PW: PASSWORD }, controller.signal));
    const waiting = failureOf(sql.query('select pg_sleep(30)'));
    controller.abort(new Error('enough'));
    expect(await waiting).toMatchObject({ message: 'enough' });
    expect(await failureOf(openSql(backup(), postgresContext({ PW: PASSWORD }, controller.signal)))).toMatchObject({
      message: 'enough',
    });
  });

  it('take the first primary that answers, past hosts that are down', async () => {
    const uri = `postgres://postgres@127.0.0.1:1,127.0.0.1:${server.port}/postgres`;
    const connection = { kind: 'uri', uri: { kind: 'env', name: 'URI' }, slot: undefined } as const;
    expect(await observe([backup({ port: 1 }), connection], { PW: PASSWORD, URI: uri })).toMatchObject({
      role: 'primary',
    });
    expect(await failureOf(observe([backup({ port: 1 })], { PW: PASSWORD }))).toMatchObject({
      code: 'postgres.unreachable',
    });
    expect(
      await failureOf(observe([backup({ port: 1 }), connectionTo(server, { user: 'stranger' })], { PW: PASSWORD })),
    ).toMatchObject({ code: 'postgres.rejected' });
  });

  describe.skipIf(!openssl)('with TLS', () => {
    it('verify what sslmode says', async () => {
      const ca = path.join(folder, 'server.crt');
      const encrypted = async (change: Parameters<typeof backup>[0]): Promise<unknown> => {
        await using sql = await openSql(backup(change), postgresContext({ PW: PASSWORD }));
        const [row] = await sql.query<{ ssl: boolean }>('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
        return row?.ssl;
      };
      expect(await encrypted({ sslmode: 'disable' })).toBe(false);
      expect(await encrypted({ sslmode: 'allow' })).toBe(false);
      expect(await encrypted({ sslmode: undefined })).toBe(true);
      expect(await encrypted({ sslmode: 'require' })).toBe(true);
      expect(await encrypted({ sslmode: 'verify-ca', sslrootcert: ca })).toBe(true);
      expect(await encrypted({ sslmode: 'verify-full', sslrootcert: ca, host: 'localhost' })).toBe(true);
      expect(await failureOf(encrypted({ sslmode: 'verify-full', sslrootcert: ca }))).toMatchObject({
        code: 'postgres.misconfigured',
      });
      expect(await failureOf(encrypted({ sslmode: 'verify-full' }))).toMatchObject({ code: 'postgres.misconfigured' });
      // pg_hba.conf admits this user only with TLS: `allow` starts without it and then tries with it.
      expect(await encrypted({ sslmode: 'allow', user: 'tls_only' })).toBe(true);
      expect(await failureOf(encrypted({ sslmode: 'disable', user: 'tls_only' }))).toMatchObject({
        code: 'postgres.rejected',
      });
    });

    it('give the same base backup as without', async () => {
      const sizes = async (sslmode: 'require' | 'disable'): Promise<number> => {
        await using connection = await openReplication(backup({ sslmode }), postgresContext({ PW: PASSWORD }));
        const taken = await startBaseBackup(connection, {
          label: 'x',
          fast: true,
          includeWal: false,
          verifyChecksums: true,
        });
        let relations = 0;
        for await (const entry of taken.entries) {
          if (entry.kind !== 'file' || !entry.path.startsWith('base/')) continue;
          let size = 0;
          for await (const bytes of entry.data) size += bytes.length;
          expect(size).toBe(entry.size);
          relations += size;
        }
        await taken.finish();
        return relations;
      };
      expect(await sizes('require')).toBe(await sizes('disable'));
    });
  });

  it('fall back to no TLS where the server has none, but only by prefer', async () => {
    await server.query('alter system set ssl = off');
    await server.query('select pg_reload_conf()');
    await expect.poll(async () => (await server.query('show ssl'))[0]).toEqual({ ssl: 'off' });
    await using sql = await openSql(backup({ sslmode: 'prefer' }), postgresContext({ PW: PASSWORD }));
    expect(await sql.query('select 1 as one')).toEqual([{ one: 1 }]);
    expect(await failureOf(openSql(backup({ sslmode: 'require' }), postgresContext({ PW: PASSWORD })))).toMatchObject({
      code: 'postgres.misconfigured',
    });
  });
});

type Site = Parameters<typeof observeCluster>[0];

function observe(
  connections: Site['connections'],
  environment: Record<string, string>,
): ReturnType<typeof observeCluster> {
  return observeCluster({ name: 'x', connections } as unknown as Site, postgresContext(environment));
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('this should have failed');
}

function makeCertificate(folder: string, server: PostgresServer): void {
  const [key, certificate] = ['server.key', 'server.crt'].map((name) => path.join(folder, name)) as [string, string];
  const args = [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost',
    '-keyout',
    key,
    '-out',
    certificate,
  ];
  const made = spawnSync('openssl', args, { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stderr);
  for (const name of ['server.key', 'server.crt']) {
    const target = path.join(server.dataDirectory, name);
    copyFileSync(path.join(folder, name), target);
    chmodSync(target, 0o600);
    giveToServer(target);
  }
}
