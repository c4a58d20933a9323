import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { giveToServer } from '../../support/unprivileged.ts';
import {
  type CliOptions,
  type CliResult,
  LAUNCHER,
  type PolicyFolder,
  policyFolder,
  runHoard,
} from '../support/hoard-cli.ts';
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
  await server.query(
    'create table t as select g as id, repeat(md5(g::text), 10) as text from generate_series(1, 20000) g',
  );
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

const hoardWith = (options: Partial<CliOptions>, ...args: readonly string[]): Promise<CliResult> =>
  runHoard(['-f', place.policies, ...args], {
    cwd: place.folder,
    ...options,
    environment: { HOARD_MAIN_URI: server.connectionUri(), ...options.environment },
  });
const hoard = (...args: readonly string[]): Promise<CliResult> => hoardWith({}, ...args);

const parsed = (result: CliResult): Record<string, unknown> => JSON.parse(result.stdout) as Record<string, unknown>;

/** Everything that the server has written so far is in the repository when this resolves. */
async function archiveEverything(): Promise<void> {
  const [row] = await server.query<{ name: string }>('select pg_walfile_name(pg_switch_wal()) as name');
  await expect
    .poll(() => server.query('select last_archived_wal >= $1 as done from pg_stat_archiver', [row?.name]), {
      timeout: 30_000,
    })
    .toEqual([{ done: true }]);
}

// The tests of this file tell one story; each goes on where the one before has ended.
describe('the life of a site', () => {
  it('begins with valid policies and no repository', async () => {
    expect(await hoard('validate')).toEqual({ status: 0, stdout: 'no errors in 3 documents\n', stderr: '' });
    const listed = await hoard('backup', 'list');
    expect(listed.status).toBe(1);
    expect(listed.stderr).toContain('there is no store at');
    const status = parsed(await hoard('status', '--output', 'json'));
    expect(reportErrors('status', status)).toEqual([]);
    expect(JSON.stringify(status)).toContain('"reason":"NoBackup"');
  });

  it('plan shows the work and ends with 2, and changes nothing', async () => {
    const plan = await hoard('plan', '--detailed-exitcode');
    expect(plan.status).toBe(2);
    expect(plan.stdout).toMatch(/^1 site needs work: 1 backup to take \(about [\d.]+ MiB\)\n/);
    expect(plan.stdout).toMatch(/\nnext: hoard -f \S+ apply\n$/);
    expect(plan.stderr).toBe('');
    expect((await hoard('plan')).status).toBe(0);
    expect(existsSync(place.repository)).toBe(false);
  });

  it('apply closes the difference, and a second apply has nothing to do', async () => {
    const applied = await hoard('apply');
    expect(applied).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^1 action: 1 done\n {2}✓ main: take a backup/),
    });
    expect(await hoard('plan', '--detailed-exitcode')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^1 site converged\n/),
    });
    expect(await hoard('apply')).toEqual({ status: 0, stdout: 'nothing to do\n', stderr: '' });
    const again = parsed(await hoard('apply', '--output', 'json'));
    expect(reportErrors('apply', again)).toEqual([]);
    expect(again['actions']).toEqual([]);
  });

  it('every result is valid by its schema, and shows the backup', async () => {
    const backups = parsed(await hoard('backup', 'list', '--output', 'json'));
    expect(reportErrors('backups', backups)).toEqual([]);
    expect(backups['backups']).toMatchObject([
      { site: 'main', repository: 'local', restorable: true, method: 'stream' },
    ]);
    const [{ id }] = backups['backups'] as [{ id: string }];
    expect(await hoard('backup', 'show', id.slice(0, 8))).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(id),
    });
    expect(await hoard('backup', 'show', 'nonsense')).toMatchObject({ status: 1, stdout: '' });
    expect(reportErrors('plan', parsed(await hoard('plan', '--output', 'json')))).toEqual([]);
    expect(reportErrors('wal', parsed(await hoard('wal', 'list', '--output', 'json')))).toEqual([]);
    const status = parsed(await hoard('status', '--output', 'json'));
    expect(reportErrors('status', status)).toEqual([]);
    expect(status['sites']).toMatchObject([
      {
        name: 'main',
        repositories: [{ name: 'local', backups: 1, gaps: [] }],
        rpoSeconds: expect.any(Number),
        drift: [],
      },
    ]);
  });

  it('wal push as archive_command brings the WAL, and status follows it', async () => {
    await server.query('insert into t select g, md5(g::text) from generate_series(1, 1000) g');
    await archiveEverything();
    expect(server.log()).not.toContain('archive command failed with exit code 10');
    const [{ failed_count: failures }] = (await server.query('select failed_count::int from pg_stat_archiver')) as [
      { failed_count: number },
    ];
    // Before the first apply there was no repository to push into.
    expect(failures).toBeGreaterThanOrEqual(0);
    const { sites } = parsed(await hoard('status', '--output', 'json')) as {
      sites: [{ conditions: { type: string; status: string }[] }];
    };
    expect(sites[0].conditions.find(({ type }) => type === 'WalContinuous')?.status).toBe('True');
  });
});

describe('saved plans', () => {
  const save = (name: string, ...args: readonly string[]): Promise<CliResult> =>
    hoard('plan', '--out', path.join(place.folder, name), ...args);

  it('of nothing does nothing', async () => {
    expect((await save('nothing.json')).status).toBe(0);
    expect(await hoard('apply', 'nothing.json')).toEqual({ status: 0, stdout: 'nothing to do\n', stderr: '' });
  });

  it('that was carried out already is no longer needed', async () => {
    rmSync(place.repository, { recursive: true });
    expect(await save('first.json')).toMatchObject({ status: 0, stdout: expect.stringContaining('apply ') });
    expect(reportErrors('plan', JSON.parse(readFileSync(path.join(place.folder, 'first.json'), 'utf8')))).toEqual([]);
    expect(await hoard('apply', 'first.json')).toMatchObject({ status: 0, stdout: expect.stringContaining('1 done') });
    const again = await hoard('apply', 'first.json');
    expect(again).toMatchObject({ status: 0, stdout: expect.stringMatching(/^nothing to do\n.*is no longer needed/) });
    const blind = await hoardWith(
      { environment: { HOARD_MAIN_URI: 'postgres://x@127.0.0.1:1/x' } },
      'apply',
      'first.json',
    );
    expect(blind).toMatchObject({ status: 1, stdout: expect.stringContaining('still needed could not be observed') });
  });

  it('that would remove more than somebody has seen is stale, and nothing is done', async () => {
    expect((await save('before.json')).status).toBe(0);
    for (let index = 0; index < 3; index += 1) expect((await hoard('backup', 'take')).status).toBe(0);
    place.write(QUICKSTART.replace('window: 7d', 'prune: auto').replace('keep: { last: 2 }', 'keep: { last: 1 }'));
    const stale = await hoard('apply', 'before.json', '--yes');
    expect(stale).toMatchObject({ status: 5, stdout: '' });
    expect(stale.stderr).toContain('is not in the saved plan, and it removes something');
    expect(stale.stderr).toContain('[plan.stale]');
    expect(parsed(await hoard('backup', 'list', '--output', 'json'))['backups']).toHaveLength(4);
  });

  it('that cannot be read, or has expired, is refused', async () => {
    writeFileSync(path.join(place.folder, 'text.json'), 'not a plan');
    expect(await hoard('apply', 'text.json')).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('[plan.refused]'),
    });
    expect(await hoard('apply', 'missing.json')).toMatchObject({ status: 64 });
    const plan = JSON.parse(readFileSync(path.join(place.folder, 'before.json'), 'utf8')) as object;
    writeFileSync(path.join(place.folder, 'old.json'), JSON.stringify({ ...plan, notAfter: '2020-01-01T00:00:00Z' }));
    expect(await hoard('apply', 'old.json')).toMatchObject({
      status: 5,
      stderr: expect.stringContaining('is good only until'),
    });
  });
});

describe('removals', () => {
  it('are refused without approval, and named', async () => {
    const refused = await hoard('apply');
    expect(refused.status).toBe(4);
    expect(refused.stdout).toContain('nobody approved it');
    expect(parsed(await hoard('backup', 'list', '--output', 'json'))['backups']).toHaveLength(4);
  });

  it('are done with --yes within the budget, and leave what is needed', async () => {
    const plan = await hoard('plan');
    const applied = await hoard('apply', '--yes');
    expect([0, 4], plan.stdout + applied.stdout).toContain(applied.status);
    const { backups } = parsed(await hoard('backup', 'list', '--output', 'json')) as {
      backups: { restorable: boolean }[];
    };
    expect(backups.length).toBeLessThan(4);
    expect(backups.every(({ restorable }) => restorable)).toBe(true);
    // The budget counts for one apply, so the last ones go with the next.
    await hoard('apply', '--yes');
    expect(await hoard('apply', '--yes')).toMatchObject({ status: 0 });
    expect(parsed(await hoard('backup', 'list', '--output', 'json'))['backups']).toHaveLength(1);
    expect(await hoard('plan', '--detailed-exitcode')).toMatchObject({ status: 0 });
  });
});

describe('restore', () => {
  it('shows the way in a dry run, restores, and the copy starts with the same rows', async () => {
    const [{ count: wanted }] = (await server.query('select count(*)::int from t')) as [{ count: number }];
    await archiveEverything();
    const target = path.join(place.folder, 'restored');
    const dry = await hoard('restore', 'main', '--to', target, '--dry-run', '--output', 'json');
    expect(reportErrors('restore', parsed(dry))).toEqual([]);
    expect(existsSync(target)).toBe(false);
    const restored = await hoard('restore', '--to', target, '--no-archive', '--output', 'json');
    expect(restored.status, restored.stderr).toBe(0);
    expect(reportErrors('restore', parsed(restored))).toEqual([]);
    const copy = await startPostgres({ server: 18, dataDirectory: target });
    await copy.waitUntilRecovered();
    expect(await copy.query('select count(*)::int from t')).toEqual([{ count: wanted }]);
    await copy[Symbol.asyncDispose]();
    expect(await hoard('restore', '--to', target)).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('[restore.destination]'),
    });
  });

  it('refuses a target that no stored WAL reaches', async () => {
    const future = await hoard(
      'restore',
      '--to',
      path.join(place.folder, 'future'),
      '--target-time',
      '2099-01-01T00:00:00Z',
    );
    expect(future).toMatchObject({
      status: 4,
      stdout: '',
      stderr: expect.stringContaining('[restore.target-unreachable]'),
    });
  });
});

describe('the command line', () => {
  it.each([
    [['pln'], 'did you mean plan?'],
    [['plan', '--detailed-exitcod'], 'did you mean --detailed-exitcode?'],
    [['backup', 'lst'], 'did you mean list?'],
    [['status', '--site', 'mian'], 'did you mean main?'],
    [['plan', '--output', 'sarif'], 'it knows human, json, markdown'],
    [['apply', '--wait', 'soon'], '30s, 15m'],
    [['restore', '--to', 'x', '--target-time', '2026-11-20'], '2026-11-20T14:05:00Z'],
    [['restore', '--to', 'x', '--exclusive'], 'say nothing without --target-time'],
  ])('%j ends with 64 and says what was meant', async (args, hint) => {
    const result = await hoard(...args);
    expect(result).toMatchObject({ status: 64, stdout: '' });
    expect(result.stderr).toContain(hint);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });

  it('takes no folder of policies for the command that PostgreSQL runs', async () => {
    const run = (...args: readonly string[]): Promise<CliResult> => runHoard(args, { cwd: place.folder });
    expect((await run('-f', 'push', 'wal', 'fetch', 'x', 'y')).status).toBe(255);
    expect((await run('-f', 'fetch', 'wal', 'push', 'x')).status).toBe(10);
  });

  it('gives failures as JSON where JSON is asked for', async () => {
    const result = await hoard('--output', 'json', 'backup', 'show', 'nonsense');
    expect(JSON.parse(result.stderr)).toMatchObject({
      formatVersion: '1.0',
      error: { code: 'backup.not-found', exitStatus: 1 },
    });
  });

  it('ends with 10 and the place where the policies are invalid, also for plan', async () => {
    const bad = path.join(place.folder, 'bad.yaml');
    writeFileSync(bad, QUICKSTART.replace('schedule:', 'shedule:'));
    for (const command of ['validate', 'plan', 'apply', 'status']) {
      const result = await hoard('-f', bad, command);
      expect(result.status).toBe(10);
      expect(result.stdout + result.stderr).toContain('did you mean schedule?');
      expect(result.stdout + result.stderr).toMatch(/bad\.yaml:\d+:\d+ error/);
    }
  });

  it('ends with 1 and a reason where the server is gone, and plan still says what it can', async () => {
    const gone = { environment: { HOARD_MAIN_URI: 'postgres://postgres@127.0.0.1:1/postgres' } };
    const plan = await hoardWith(gone, 'plan', '--detailed-exitcode');
    expect(plan).toMatchObject({ status: 1, stdout: expect.stringContaining('1 site could not be observed') });
    expect(await hoardWith(gone, 'apply')).toMatchObject({ status: 1 });
    expect(await hoardWith(gone, 'backup', 'list')).toMatchObject({ status: 0 });
  });

  it('takes an unmounted disk for what it is', async () => {
    const mount = path.join(place.folder, 'mount');
    mkdirSync(mount);
    giveToServer(mount);
    const policies = path.join(place.folder, 'mounted.yaml');
    writeFileSync(policies, QUICKSTART.replace('./hoard-repository', mount));
    const plan = await hoard('-f', policies, 'plan', '--detailed-exitcode');
    expect(plan).toMatchObject({ status: 1, stdout: expect.stringContaining('--create-repository local') });
    expect(await hoard('-f', policies, 'apply', '--yes')).toMatchObject({ status: 1 });
    const created = await hoard('-f', policies, 'plan', '--create-repository', 'local', '--detailed-exitcode');
    expect(created).toMatchObject({ status: 2, stdout: expect.stringContaining('1 backup to take') });
  });

  it('is quiet when the reader of its output goes away', async () => {
    const result = await hoardWith({ onStart: (child) => child.stdout?.destroy() }, 'plan');
    expect(result).toMatchObject({ status: 0, stderr: '' });
  });
});
