import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckReport } from '../../src/policy/generated/check-report.ts';
import { type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { giveToServer } from '../../support/unprivileged.ts';
import { type CliResult, LAUNCHER, type PolicyFolder, policyFolder, runHoard } from '../support/hoard-cli.ts';
import { reportErrors } from '../support/validate-report.ts';

const QUICKSTART = readFileSync(
  path.resolve(import.meta.dirname, '../../examples/quickstart/policies/hoard.yaml'),
  'utf8',
);

let place: PolicyFolder;
let server: PostgresServer;

beforeAll(async () => {
  place = policyFolder(QUICKSTART);
  server = await startPostgres({
    server: 18,
    settings: {
      archive_mode: 'on',
      archive_command: `${process.execPath} ${LAUNCHER} -f ${place.policies} wal push %p`,
    },
  });
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

const hoard = (args: readonly string[], uri = server.connectionUri()): Promise<CliResult> =>
  runHoard(['-f', place.policies, ...args], { cwd: place.folder, environment: { HOARD_MAIN_URI: uri } });

async function report(args: readonly string[] = [], uri?: string): Promise<{ status: number; document: CheckReport }> {
  const result = await hoard(['check', '--output', 'json', ...args], uri);
  const document = JSON.parse(result.stdout) as CheckReport;
  expect(reportErrors('check', document)).toEqual([]);
  return { status: result.status, document };
}

const stepsOf = ({ checked }: CheckReport, kind: 'repository' | 'connection') =>
  checked.filter((each) => each.kind === kind).flatMap(({ steps }) => steps);

function makeRepository(): void {
  mkdirSync(place.repository, { recursive: true });
  giveToServer(place.repository);
}

// The tests go on where the one before has ended.
describe('hoard check', () => {
  it('warns of a repository that is plainly new, and says what makes it', async () => {
    const result = await hoard(['check']);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toContain('1 repository and 1 connection checked: 1 warning\n');
    expect(result.stdout).toContain('  ! it is not there yet\n    hint: hoard apply makes it\n');
  });

  it('an empty directory, which could be an unmounted disk, fails with the way to go on', async () => {
    makeRepository();
    const { status, document } = await report(['--repository', 'local']);
    expect(status).toBe(1);
    expect(document.ok).toBe(false);
    expect(document.checked).toHaveLength(1);
    expect(stepsOf(document, 'repository')).toMatchObject([
      { name: 'format', code: 'store.absent', hint: expect.stringContaining('--create-repository local') },
    ]);
  });

  it('proves a repository step by step, and leaves nothing behind', async () => {
    expect((await hoard(['apply', '--create-repository', 'local'])).status).toBe(0);
    const before = readdirSync(place.repository).sort();
    const { status, document } = await report();
    expect(document.checked.flatMap(({ steps }) => steps).filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(status).toBe(0);
    const names = ['format', 'write', 'create', 'read', 'range', 'clock', 'list', 'uploads', 'delete'];
    expect(stepsOf(document, 'repository').map(({ name }) => name)).toEqual(names);
    expect(readdirSync(place.repository).sort()).toEqual(before);
  });

  it('says version and role of the server, and that it may replicate and archives', async () => {
    const { document } = await report();
    expect(document.checked.at(-1)?.where).toBe(`127.0.0.1:${server.port}`);
    expect(stepsOf(document, 'connection')).toMatchObject([
      { name: 'connect', message: expect.stringMatching(/^PostgreSQL 18\S*.*, primary, as user "postgres"$/) },
      { name: 'privileges' },
      { name: 'wal-level', message: 'wal_level is replica' },
      { name: 'wal-senders', message: 'max_wal_senders is 8' },
      { name: 'archive-mode', message: 'archive_mode is on' },
      { name: 'archive-command' },
      { name: 'replication' },
    ]);
  });

  it('names the exact setting to change', async () => {
    await server.query("alter system set archive_command = ''");
    await server.query('create role app login');
    await server.query('select pg_reload_conf()');
    await expect.poll(() => server.query('show archive_command')).toEqual([{ archive_command: '' }]);
    const uri = server.connectionUri().replace('postgres@', 'app@');
    const { status, document } = await report([], uri);
    expect(status).toBe(12);
    const failures = stepsOf(document, 'connection').filter(({ state }) => state === 'failed');
    expect(failures).toMatchObject([
      { name: 'privileges', hint: 'alter role "app" replication', code: 'postgres.misconfigured' },
      { name: 'archive-command', hint: expect.stringContaining('wal push %p') },
      { name: 'replication', code: 'postgres.rejected' },
    ]);
  });

  it('a server that does not answer fails alone', async () => {
    const { status, document } = await report([], 'postgres://postgres@127.0.0.1:1/postgres');
    expect(status).toBe(1);
    expect(stepsOf(document, 'connection')).toMatchObject([{ name: 'connect', code: 'postgres.unreachable' }]);
    expect(stepsOf(document, 'repository').every(({ state }) => state === 'ok')).toBe(true);
  });

  it('names what was denied, and ends with 12', async () => {
    chmodSync(place.repository, 0o500);
    try {
      const { status, document } = await report(['--repository', 'local']);
      expect(status).toBe(12);
      expect(stepsOf(document, 'repository').at(-1)).toMatchObject({
        name: 'write',
        code: 'store.denied',
        message: expect.stringMatching(/^writing an object was denied: /),
      });
    } finally {
      chmodSync(place.repository, 0o700);
    }
  });

  it('writes nothing into what is somebody else’s or of another version', async () => {
    const file = path.join(place.repository, 'hoard.json');
    const own = readFileSync(file);
    chmodSync(file, 0o600);
    writeFileSync(file, '{"some":"thing"}');
    const { status, document } = await report(['--repository', 'local']);
    writeFileSync(file, own);
    expect(status).toBe(1);
    expect(stepsOf(document, 'repository')).toMatchObject([{ name: 'format', state: 'failed' }]);
  });

  it('refuses names that are not declared', async () => {
    expect((await hoard(['check', '--repository', 'loacl'])).stderr).toContain('did you mean local?');
    expect((await hoard(['check', '--site', 'nowhere'])).status).toBe(64);
  });
});
