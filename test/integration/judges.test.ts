import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram, type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { LAUNCHER, type PolicyFolder, policyFolder, runHoard } from '../support/hoard-cli.ts';

const QUICKSTART = readFileSync(
  path.resolve(import.meta.dirname, '../../examples/quickstart/policies/hoard.yaml'),
  'utf8',
);

const basebackup = findProgram('pg_basebackup', 15);
const verifybackup = findProgram('pg_verifybackup', 15);

// PostgreSQL's own programs judge what hoard stored: pg_basebackup takes a copy of the same idle cluster, and pg_verifybackup holds
// the files that hoard restored against that copy's manifest, every size and checksum.
describe.skipIf(!basebackup || !verifybackup)('pg_basebackup and pg_verifybackup of PostgreSQL 15', () => {
  let place: PolicyFolder;
  let server: PostgresServer;
  let restored: string;
  let manifest: string;

  beforeAll(async () => {
    place = policyFolder(QUICKSTART);
    restored = path.join(place.folder, 'restored');
    const copy = path.join(place.folder, 'copy');
    manifest = path.join(copy, 'backup_manifest');
    server = await startPostgres({
      server: path.dirname(basebackup ?? ''),
      settings: {
        archive_mode: 'on',
        archive_command: `${process.execPath} ${LAUNCHER} -f ${place.policies} wal push %p`,
        autovacuum: 'off',
      },
    });
    await server.query(
      'create table t as select g as id, repeat(md5(g::text), 10) as text from generate_series(1, 50000) g',
    );
    await server.query('create index on t (id)');
    // Nothing may change a page between the two copies: hint bits are set, and nothing is dirty.
    await server.query('vacuum (freeze, analyze)');
    await server.query('checkpoint');
    const hoard = async (...args: readonly string[]): Promise<void> => {
      const environment = { HOARD_MAIN_URI: server.connectionUri() };
      const result = await runHoard(['-f', place.policies, ...args], { cwd: place.folder, environment });
      expect(result, result.stderr).toMatchObject({ status: 0 });
    };
    await hoard('apply');
    await hoard('restore', '--to', restored, '--target-immediate');
    const args = [
      '-h',
      '127.0.0.1',
      '-p',
      String(server.port),
      '-U',
      'postgres',
      '-D',
      copy,
      '-X',
      'none',
      '-c',
      'fast',
    ];
    const taken = spawnSync(basebackup ?? '', args, { encoding: 'utf8' });
    expect(taken.status, taken.stderr).toBe(0);
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    place?.[Symbol.dispose]();
  });

  const verify = (): { readonly status: number | null; readonly text: string } => {
    // Different by their nature: where each copy starts, what a restore adds, and what pg_basebackup leaves a label of.
    const ignored = ['global/pg_control', 'backup_label', 'postgresql.auto.conf', 'recovery.signal', 'pg_wal'];
    const flags = ignored.flatMap((file) => ['--ignore', file]);
    const result = spawnSync(verifybackup ?? '', ['--no-parse-wal', '-m', manifest, ...flags, restored], {
      encoding: 'utf8',
    });
    return { status: result.status, text: result.stdout + result.stderr };
  };

  it('find nothing missing, nothing more and nothing else in what hoard restored', () => {
    expect(verify()).toEqual({ status: 0, text: 'backup successfully verified\n' });
  });

  it('find a single changed byte, so the judgement above means something', async () => {
    const [row] = await server.query<{ file: string }>("select pg_relation_filepath('t') as file");
    const file = openSync(path.join(restored, row?.file ?? ''), 'r+');
    writeSync(file, Buffer.from([0x5a]), 0, 1, 5000);
    closeSync(file);
    expect(verify()).toMatchObject({
      status: 1,
      text: expect.stringContaining(`checksum mismatch for file "${row?.file}"`),
    });
  });
});
