import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { siteName } from '../../src/domain/desired.ts';
import { isFailure } from '../../src/domain/failure.ts';
import { parseInstant } from '../../src/domain/instant.ts';
import { parseLsn } from '../../src/domain/lsn.ts';
import { observeOwner } from '../../src/repository/lease-owner.ts';
import { observeRepository } from '../../src/repository/observe-repository.ts';
import type { SiteRepository } from '../../src/repository/site-repository.ts';
import { planRestore } from '../../src/restore/preflight.ts';
import { executeRestore, type RestoreOrder, type RestoreOutcome } from '../../src/restore/restore.ts';
import type { RecoveryTarget, RestoreRequest } from '../../src/restore/restore-request.ts';
import { systemClock } from '../../src/telemetry/system-effects.ts';
import { availableServers, giveToServer, type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { createRecorder } from '../support/recorder.ts';
import { archiveEverything, type RestorableCluster, restorableCluster } from '../support/restorable-cluster.ts';
import { calm, openTestRepository } from '../support/temporary-repository.ts';

const RESTORE_PROCESS = path.resolve(import.meta.dirname, '../support/restore-process.ts');

// The oldest embedded version, one of the middle and the newest: their control files, tablespace maps and recovery settings differ.
const majors = [...new Set([13, 16, 18])].filter((major) =>
  availableServers().some((server) => server.major === major),
);

describe.each(majors)('a backup of PostgreSQL %i', (major) => {
  // Every test on the newest; on the others those in which versions differ.
  const thorough = (title: string, body: () => Promise<void>): void => {
    if (major === majors.at(-1)) test(title, body);
  };

  let cluster: RestorableCluster | undefined;
  let repo: SiteRepository;
  let folder: string;
  let started: PostgresServer | undefined;

  beforeAll(async () => {
    cluster = await restorableCluster(major);
    repo = await openTestRepository(cluster.place.repository, { name: 'local', site: 'main' });
    expect(repo.site).toBe(siteName('main'));
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());
  const source = (): RestorableCluster => cluster ?? expect.fail('there is no cluster');
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hoard-restored-'));
    giveToServer(folder);
  });
  afterEach(async () => {
    await started?.[Symbol.asyncDispose]();
    started = undefined;
    await rm(folder, { recursive: true, force: true });
  });

  const request = (target: RecoveryTarget, over: Partial<RestoreRequest> = {}): RestoreRequest => ({
    target,
    timeline: 'latest',
    backup: undefined,
    ...over,
  });

  async function orderFor(wanted: RestoreRequest, over: Partial<RestoreOrder> = {}): Promise<RestoreOrder> {
    const value = await observeRepository(repo, calm());
    return {
      choice: planRestore(
        [{ repository: repo.name, observation: { kind: 'known', value, at: systemClock.now() } }],
        wanted,
      ),
      repositories: [repo],
      dataDirectory: path.join(folder, 'data'),
      tablespaces: new Map([['fast', path.join(folder, 'fast')]]),
      standby: false,
      settings: { action: 'promote', restoreCommand: source().restoreCommand, archiveOff: true, more: new Map() },
      owner: await observeOwner(process.pid),
      effects: { clock: systemClock, reporter: createRecorder(), signal: calm() },
      ...over,
    };
  }

  async function restore(wanted: RestoreRequest, over: Partial<RestoreOrder> = {}): Promise<RestoreOutcome> {
    const outcome = await executeRestore(await orderFor(wanted, over));
    for (const { directory } of outcome.tablespaces) giveToServer(directory);
    return outcome;
  }

  async function start(outcome: Pick<RestoreOutcome, 'dataDirectory'>): Promise<PostgresServer> {
    started = await startPostgres({ server: major, dataDirectory: outcome.dataDirectory, readyWithin: 60_000 });
    return started;
  }

  const rows = async (server: PostgresServer): Promise<string> =>
    (await server.query<{ what: string }>('select what from t order by id')).map(({ what }) => what).join(' ');

  const at = (): RecoveryTarget => ({ kind: 'time', at: parseInstant(source().moment.time), inclusive: true });

  const targets: readonly [string, () => RecoveryTarget, string][] = [
    ['latest', () => ({ kind: 'latest' }), 'before one two three'],
    ['a time', at, 'before one'],
    ['an LSN', () => ({ kind: 'lsn', lsn: parseLsn(source().moment.lsn), inclusive: false }), 'before one'],
    ['a transaction', () => ({ kind: 'xid', xid: source().xid, inclusive: true }), 'before one two'],
    ['before a transaction', () => ({ kind: 'xid', xid: source().xid, inclusive: false }), 'before one'],
    ['a restore point', () => ({ kind: 'name', name: 'after-one' }), 'before one'],
    ['immediate', () => ({ kind: 'immediate' }), 'before'],
  ];
  test.each(major === majors.at(-1) ? targets : targets.slice(0, 2))(
    'is restored to %s',
    async (_, target, expected) => {
      const outcome = await restore(request(target()));
      const server = await start(outcome);
      await server.waitUntilRecovered(60_000);
      expect(await rows(server)).toBe(expected);
      const [big] = await server.query<{ rows: string; where: string }>(
        "select count(*)::text as rows, (select pg_tablespace_location(oid) from pg_tablespace where spcname = 'fast') as where from big",
      );
      expect(big).toEqual({ rows: '30000', where: path.join(folder, 'fast') });
      expect(await readlink(path.join(outcome.dataDirectory, 'pg_tblspc', source().tablespace.oid))).toBe(
        path.join(folder, 'fast'),
      );
      await server.query("insert into t (what) values ('after')");
    },
  );

  thorough('stops and ends at the target where it is told to', async () => {
    const outcome = await restore(request(at()), {
      settings: { action: 'shutdown', restoreCommand: source().restoreCommand, archiveOff: true, more: new Map() },
    });
    // Without hot standby: with it the server is open for reading for the moment between consistency and target, and seems to have started.
    const settings = { hot_standby: 'off' };
    await expect(
      startPostgres({ server: major, dataDirectory: outcome.dataDirectory, readyWithin: 60_000, settings }),
    ).rejects.toThrow(/recovery stopping before commit|shutdown at recovery target/);
  });

  thorough('pauses at the target, where it can be read', async () => {
    const server = await start(
      await restore(request(at()), {
        settings: { action: 'pause', restoreCommand: source().restoreCommand, archiveOff: true, more: new Map() },
      }),
    );
    for (let wait = 0; wait < 200; wait += 1) {
      const [row] = await server.query<{ paused: boolean }>('select pg_is_wal_replay_paused() as paused');
      if (row?.paused === true) break;
      await sleep(50);
    }
    expect(await rows(server)).toBe('before one');
    expect(await server.query('select pg_is_in_recovery() as recovering')).toEqual([{ recovering: true }]);
  });

  test('becomes a standby that goes on following', async () => {
    const server = await start(await restore(request({ kind: 'latest' }), { standby: true }));
    expect(await rows(server)).toContain('before');
    for (let wait = 0; wait < 400 && (await rows(server)) !== 'before one two three'; wait += 1) await sleep(50);
    expect(await rows(server)).toBe('before one two three');
    expect(await server.query('select pg_is_in_recovery() as recovering')).toEqual([{ recovering: true }]);
  });

  thorough('refuses what the WAL does not reach, before anything is written', async () => {
    const beyond = parseInstant('2099-01-01T00:00:00Z');
    const error: unknown = await restore(request({ kind: 'time', at: beyond, inclusive: true })).catch(
      (reason: unknown) => reason,
    );
    expect(isFailure(error, 'restore.target-unreachable') && error.hint).toMatch(
      /what can be restored is .* on timeline 1/,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  test('killed in the middle does not start, and does after it is run again', async () => {
    const { choice } = await orderFor(request({ kind: 'immediate' }));
    const data = path.join(folder, 'data');
    const args = [source().place.repository, choice.backup.id, data, `fast=${path.join(folder, 'fast')}`, 'site=main'];
    for (const files of [3, 400, 800]) {
      const child = fork(RESTORE_PROCESS, args, { stdio: 'ignore' });
      while ((await countFiles(data)) < files && child.exitCode === null) await sleep(2);
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      expect(await readdir(path.join(data, 'global')).catch(() => [])).not.toContain('pg_control');
    }
    await expect(startPostgres({ server: major, dataDirectory: data })).rejects.toThrow(
      /pg_control|PG_VERSION|not a valid data directory|could not find the database system|server configuration file/,
    );
    const outcome = await restore(request({ kind: 'latest' }));
    expect(outcome.resumed).toBe(true);
    expect(outcome.kept).toBeGreaterThan(2);
    const server = await start(outcome);
    await server.waitUntilRecovered(60_000);
    expect(await rows(server)).toBe('before one two three');
  });

  thorough('with a damaged pack names it, and takes it from a second repository', async () => {
    const copy = path.join(folder, 'copy');
    await cp(source().place.repository, copy, { recursive: true });
    const damaged = await openTestRepository(copy, { name: 'damaged', site: 'main' });
    const packs = path.join(copy, 'sites/main/packs');
    const [pack = ''] = (await readdir(packs, { recursive: true })).filter((name) => name.endsWith('.pack'));
    const bytes = await readFile(path.join(packs, pack));
    for (let offset = 5000; offset < bytes.length; offset += bytes.length >> 3)
      bytes[offset] = (bytes[offset] ?? 0) ^ 0x10;
    await writeFile(path.join(packs, pack), bytes);
    const order = await orderFor(request({ kind: 'immediate' }));
    const alone = { ...order, choice: { ...order.choice, repository: damaged.name }, repositories: [damaged] };
    await expect(executeRestore(alone)).rejects.toMatchObject({
      code: 'object.corrupt',
      message: expect.stringContaining(pack),
    });
    const both = { ...alone, choice: { ...alone.choice, alternatives: [repo.name] }, repositories: [damaged, repo] };
    const server = await start(await executeRestore(both));
    await server.waitUntilRecovered(60_000);
    expect(await rows(server)).toBe('before');
  });

  thorough('follows a timeline switch, and stays before it where asked', async () => {
    const first = await start(
      await restore(request(at()), {
        settings: { action: 'promote', restoreCommand: source().restoreCommand, archiveOff: false, more: new Map() },
      }),
    );
    await first.waitUntilRecovered(60_000);
    await first.query("insert into t (what) values ('other branch')");
    await archiveEverything(first);
    await first.stop();
    await started?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
    folder = await mkdtemp(path.join(tmpdir(), 'hoard-restored-'));
    giveToServer(folder);
    const second = await start(await restore(request({ kind: 'latest' })));
    await second.waitUntilRecovered(60_000);
    expect(await rows(second)).toBe('before one other branch');
    await second.stop();
    await started?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
    folder = await mkdtemp(path.join(tmpdir(), 'hoard-restored-'));
    giveToServer(folder);
    const third = await start(await restore(request({ kind: 'latest' }, { timeline: 'current' })));
    await third.waitUntilRecovered(60_000);
    expect(await rows(third)).toBe('before one two three');
  });
});

async function countFiles(directory: string): Promise<number> {
  return (await readdir(directory, { recursive: true }).catch(() => [])).length;
}
