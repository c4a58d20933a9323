import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  appendFile,
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isFailure } from '../../../src/domain/failure.ts';
import type { BackupMarker } from '../../../src/repository/backup-marker.ts';
import { packKey } from '../../../src/repository/layout.ts';
import { readManifest } from '../../../src/repository/read-manifest.ts';
import { executeRestore, type RestoreOrder, type RestoreOutcome } from '../../../src/restore/restore.ts';
import type { ReportedEvent } from '../../../src/telemetry/reporter.ts';
import { countChanges, killPointEnvironment, spreadPoints } from '../../support/kill-points.ts';
import { createRecorder } from '../../support/recorder.ts';
import { restoreOrder } from '../../support/restore-order.ts';
import { commitSmallBackup, type SmallBackup } from '../../support/small-backup.ts';
import { smallCluster } from '../../support/small-cluster.ts';
import {
  calm,
  openTestRepository,
  type TemporaryRepository,
  temporaryRepository,
} from '../../support/temporary-repository.ts';

const DIRECTORIES = ['base', 'base/1', 'base/5', 'global', 'pg_wal', 'pg_wal/archive_status', 'pg_tblspc'];
const PROCESS = join(import.meta.dirname, '../../support/restore-process.ts');

let folder: string;
let data: string;
let place: TemporaryRepository;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hoard-restore-'));
  data = join(folder, 'data');
  place = await temporaryRepository();
});
afterEach(async () => {
  await place[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const cluster = (over: Partial<SmallBackup> = {}): SmallBackup => ({
  files: smallCluster(),
  directories: DIRECTORIES,
  ...over,
});

async function restore(marker: BackupMarker, over: Partial<RestoreOrder> = {}): Promise<RestoreOutcome> {
  return executeRestore(await restoreOrder(marker, [place.repo], data, over));
}

async function refusal(work: Promise<unknown>) {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (isFailure(error)) return error;
  throw error instanceof Error ? error : new Error('it was not refused');
}

/** Every file of the backup lies there as it was, except those that the restore makes. */
async function expectRestored(files: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const [path, content] of files) {
    if (path === 'standby.signal' || path === 'postgresql.auto.conf') continue;
    expect((await readFile(join(data, path))).equals(content), path).toBe(true);
    const { mode, mtimeMs } = await stat(join(data, path));
    expect(mode & 0o777, path).toBe(0o600);
    expect(mtimeMs, path).toBe(2000);
  }
  const names = await readdir(data, { recursive: true });
  expect(names.filter((name) => name.includes('hoard'))).toEqual([]);
  expect(names).toContain('recovery.signal');
  expect(names).not.toContain('standby.signal');
  expect((await stat(data)).mode & 0o777).toBe(0o700);
}

describe('a restore', () => {
  test('gives the backup back, with settings for its recovery', async () => {
    const { files } = cluster();
    const marker = await commitSmallBackup(place.repo, cluster({ files }));
    const outcome = await restore(marker);
    await expectRestored(files);
    expect(outcome).toMatchObject({ files: files.size - 1, kept: 0, resumed: false });
    const settings = await readFile(join(data, 'postgresql.auto.conf'), 'utf8');
    expect(settings).toContain("work_mem = '64MB'\n# before hoard restore: recovery_target_name = 'old'\n");
    expect(settings).toContain(`restore_command = '/bin/false %f "%p"'`);
    expect((await readdir(join(data, 'pg_wal'))).toSorted()).toEqual(['archive_status']);
  });

  test('makes a standby where asked', async () => {
    const marker = await commitSmallBackup(place.repo, cluster());
    await restore(marker, { standby: true });
    expect(await readdir(data)).toContain('standby.signal');
    expect(await readdir(data)).not.toContain('recovery.signal');
    expect(await readFile(join(data, 'postgresql.auto.conf'), 'utf8')).toContain("recovery_target_timeline = 'latest'");
  });

  test('tells its progress up to all bytes', async () => {
    const marker = await commitSmallBackup(place.repo, cluster());
    const reporter = createRecorder();
    await restore(marker, { effects: { ...(await restoreOrder(marker, [], data)).effects, reporter } });
    expect(reporter.events[0]).toMatchObject({ kind: 'started', totalBytes: marker.bytes });
    expect(reporter.events.findLast((event) => event.kind === 'progress')).toMatchObject({ doneBytes: marker.bytes });
    expect(reporter.events.at(-1)?.kind).toBe('finished');
  });

  test('says what is to be known before it writes anything', async () => {
    const marker = await commitSmallBackup(place.repo, cluster());
    const { choice, effects } = await restoreOrder(marker, [place.repo], data);
    const events: unknown[] = [];
    const reporter = {
      report: (event: ReportedEvent) => void events.push(event.kind === 'note' ? existsSync(data) : event.kind),
    };
    await restore(marker, { choice: { ...choice, notes: ['mind the gap'] }, effects: { ...effects, reporter } });
    expect(events.slice(0, 2)).toEqual([false, 'started']);
  });

  test('stops when it is told to, and goes on later', async () => {
    const { files } = cluster();
    const marker = await commitSmallBackup(place.repo, cluster({ files }));
    const stop = new AbortController();
    const base = (await restoreOrder(marker, [], data)).effects;
    const reporter = { report: () => stop.abort(new Error('told to stop')) };
    await expect(restore(marker, { effects: { ...base, reporter, signal: stop.signal } })).rejects.toThrow(
      'told to stop',
    );
    expect(await readdir(join(data, 'global')).catch(() => [])).not.toContain('pg_control');
    expect((await restore(marker)).resumed).toBe(true);
    await expectRestored(files);
  });
});

describe('the destination', () => {
  test.each<[string, () => Promise<void>, RegExp]>([
    [
      'a directory with something in it',
      () => writeFile(join(data, 'precious'), 'x'),
      /not empty \(it has "precious"\)/,
    ],
    ['a data directory', () => mkdir(join(data, 'base')), /not empty/],
    ['a directory with a server', () => writeFile(join(data, 'postmaster.pid'), '1\n'), /postmaster\.pid/],
    [
      'a restore of another backup',
      () => writeFile(join(data, 'hoard-restore.json'), '{"formatVersion":"1.0","site":"orders"}'),
      /another backup/,
    ],
    ['a damaged marker', () => writeFile(join(data, 'hoard-restore.json'), 'x'), /another backup/],
  ])('%s is refused and left as it is', async (_, prepare, message) => {
    const marker = await commitSmallBackup(place.repo, cluster());
    await mkdir(data, { mode: 0o755 });
    await prepare();
    const before = await readdir(data);
    const error = await refusal(restore(marker));
    expect(error.code).toBe('restore.destination');
    expect(error.message).toMatch(message);
    expect(await readdir(data)).toEqual(before);
    expect((await stat(data)).mode & 0o777).toBe(0o755);
  });

  test('a file in its place is refused', async () => {
    const marker = await commitSmallBackup(place.repo, cluster());
    await writeFile(data, 'x');
    expect((await refusal(restore(marker))).code).toBe('restore.destination');
  });

  test('lost+found and wrong permissions do not matter', async () => {
    const { files } = cluster();
    const marker = await commitSmallBackup(place.repo, cluster({ files }));
    await mkdir(join(data, 'lost+found'), { recursive: true });
    await chmod(data, 0o755);
    await restore(marker);
    await rm(join(data, 'lost+found'), { recursive: true });
    await expectRestored(files);
  });

  test('parents are made', async () => {
    const marker = await commitSmallBackup(place.repo, cluster());
    data = join(folder, 'a', 'b', 'c');
    await restore(marker);
    expect(await readdir(data)).toContain('PG_VERSION');
  });

  test('a second restore into it while the first runs is refused, and so is one after it', async () => {
    const marker = await commitSmallBackup(place.repo, cluster());
    let second: Promise<unknown> | undefined;
    const base = (await restoreOrder(marker, [], data)).effects;
    const reporter = {
      report: () => {
        second ??= refusal(restore(marker));
      },
    };
    await restore(marker, { effects: { ...base, reporter } });
    expect(await second).toMatchObject({
      code: 'restore.destination',
      message: expect.stringContaining('a restore is running in'),
    });
    expect((await refusal(restore(marker))).message).toContain('not empty');
  });

  test.skipIf(process.getuid?.() !== 0)('files belong to the owner of the directory', async () => {
    const marker = await commitSmallBackup(place.repo, cluster());
    await mkdir(data);
    await chown(data, 65_534, 65_534);
    await restore(marker);
    for (const name of [
      'PG_VERSION',
      'base',
      'base/1/112',
      'base/1/113',
      'global/pg_control',
      'postgresql.auto.conf',
      'recovery.signal',
    ]) {
      expect((await stat(join(data, name))).uid, name).toBe(65_534);
    }
  });
});

describe('tablespaces', () => {
  const withTablespaces = (paths: Readonly<Record<string, string>>): SmallBackup => {
    const files = smallCluster();
    files.set('tablespace_map', Buffer.from('16385 /old/fast\n'));
    for (const oid of Object.keys(paths))
      files.set(`pg_tblspc/${oid}/PG_15_202209061/5/16390`, Buffer.from(`rows of ${oid}`));
    return cluster({
      files,
      directories: [
        ...DIRECTORIES,
        ...Object.keys(paths).flatMap((oid) => [`pg_tblspc/${oid}`, `pg_tblspc/${oid}/PG_15_202209061`]),
      ],
      tablespaces: Object.entries(paths).map(([oid, path]) => ({ oid, path })),
    });
  };

  test.each(['16385', '/old/fast', 'fast'])('are moved by %s', async (key) => {
    const marker = await commitSmallBackup(place.repo, withTablespaces({ 16385: '/old/fast' }));
    const fast = join(folder, 'new\\fast');
    await restore(marker, { tablespaces: new Map([[key, fast]]) });
    expect(await readFile(join(fast, 'PG_15_202209061/5/16390'), 'utf8')).toBe('rows of 16385');
    expect(await readlink(join(data, 'pg_tblspc/16385'))).toBe(fast);
    expect(await readFile(join(data, 'tablespace_map'), 'utf8')).toBe(`16385 ${fast.replace('\\', '\\\\')}\n`);
    expect((await stat(fast)).mode & 0o777).toBe(0o700);
  });

  test('go to where they were, where that is empty', async () => {
    const old = join(folder, 'old');
    await mkdir(old);
    const marker = await commitSmallBackup(place.repo, withTablespaces({ 16385: old }));
    await restore(marker);
    expect(await readFile(join(old, 'PG_15_202209061/5/16390'), 'utf8')).toBe('rows of 16385');
    data = join(folder, 'second');
    expect((await refusal(restore(marker))).message).toContain(`${old} is not empty`);
    expect(await readdir(folder)).not.toContain('second');
  });

  test.each<[string, Record<string, string>, Record<string, string>, RegExp]>([
    ['a mapping that fits none', { 16385: '/old/fast' }, { slow: '/x' }, /no tablespace "slow"/],
    ['two in one place', { 16385: '/old/a', 16386: '/old/b' }, { a: '/x', b: '/x/y' }, /both go into/],
    ['a relative path', { 16385: 'old/fast' }, {}, /not an absolute path/],
    ['an oid that is none', { '../../x': '/old/fast' }, {}, /oid|path/],
  ])('%s is refused before anything is written', async (_, paths, mapping, message) => {
    const files = smallCluster();
    const marker = await commitSmallBackup(
      place.repo,
      cluster({ files, tablespaces: Object.entries(paths).map(([oid, path]) => ({ oid, path })) }),
    );
    const error = await refusal(restore(marker, { tablespaces: new Map(Object.entries(mapping)) }));
    expect(error.message).toMatch(message);
    expect(await readdir(folder)).toEqual([]);
  });

  test('inside the data directory are refused', async () => {
    const marker = await commitSmallBackup(place.repo, withTablespaces({ 16385: '/old/fast' }));
    for (const inside of [data, join(data, 'pg_tblspc/x'), folder]) {
      expect((await refusal(restore(marker, { tablespaces: new Map([['fast', inside]]) }))).message).toContain(
        'lie in each other',
      );
    }
  });

  test('that are no tablespaces of the backup stay inside it', async () => {
    const files = smallCluster();
    files.set('pg_tblspc/999/PG_15_202209061/1/2', Buffer.from('in place'));
    const marker = await commitSmallBackup(place.repo, cluster({ files }));
    await restore(marker);
    expect(await readFile(join(data, 'pg_tblspc/999/PG_15_202209061/1/2'), 'utf8')).toBe('in place');
    expect(await readdir(data)).not.toContain('tablespace_map');
  });
});

describe('what a repository gives', () => {
  const packOf = async (marker: BackupMarker, path: string): Promise<{ key: string; at: number }> => {
    for await (const line of readManifest(place.repo, marker, calm())) {
      if (line.kind === 'file' && line.path === path && line.chunks[0]) {
        return { key: packKey(place.repo.site, line.chunks[0].pack), at: line.chunks[0].offset };
      }
    }
    throw new Error(`${path} has no chunk`);
  };
  const flip =
    (at: number) =>
    (bytes: Buffer): Buffer => {
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      return bytes;
    };

  test('a damaged pack is named, with the file, and the cluster cannot start', async () => {
    const marker = await commitSmallBackup(place.repo, cluster());
    const { key, at } = await packOf(marker, 'base/1/112');
    await place.rewrite(key, flip(at + 100));
    const error = await refusal(restore(marker));
    expect(error).toMatchObject({ code: 'object.corrupt' });
    expect(error.message).toContain(key);
    expect(error.message).toContain('base/1/112');
    expect(await readdir(join(data, 'global')).catch(() => [])).not.toContain('pg_control');
  });

  test.each(['a chunk', 'a cut pack', 'a missing pack', 'the manifest', 'a store that is not there'])(
    '%s is taken from another repository',
    async (what) => {
      const { files } = cluster();
      const marker = await commitSmallBackup(place.repo, cluster({ files, packBytes: 2 ** 20 }));
      const copy = join(folder, 'copy');
      await cp(place.directory, copy, { recursive: true });
      const other = await openTestRepository(copy, { name: 'offsite' });
      const { key, at } = await packOf(marker, 'base/1/112');
      if (what === 'a chunk') await place.rewrite(key, flip(at + 100));
      else if (what === 'a cut pack') await place.rewrite(key, (bytes) => bytes.subarray(0, at + 100));
      else if (what === 'a missing pack') await rm(place.pathOf(key));
      else if (what === 'the manifest') await place.rewrite(marker.manifest.key, flip(40));
      else await rm(place.directory, { recursive: true });
      const order = await restoreOrder(marker, [place.repo, other], data);
      await executeRestore(order);
      await expectRestored(files);
    },
  );

  test('a chunk that is damaged everywhere is named with all of them', async () => {
    const marker = await commitSmallBackup(place.repo, cluster());
    const { key, at } = await packOf(marker, 'base/1/112');
    await place.rewrite(key, flip(at + 100));
    const copy = join(folder, 'copy');
    await cp(place.directory, copy, { recursive: true });
    const other = await openTestRepository(copy, { name: 'offsite' });
    const error = await refusal(executeRestore(await restoreOrder(marker, [place.repo, other], data)));
    expect(error.code).toBe('object.corrupt');
    for (const part of ['base/1/112', key, '"main"', '"offsite"']) expect(error.message).toContain(part);
  });

  test.each([
    ['global/pg_control', /no global\/pg_control/],
    ['backup_label', /no backup_label/],
  ])('a backup without %s is refused before anything is written', async (path, message) => {
    const files = smallCluster();
    files.delete(path);
    const error = await refusal(restore(await commitSmallBackup(place.repo, cluster({ files }))));
    expect(error.code).toBe('restore.failed');
    expect(error.message).toMatch(message);
    expect(await readdir(folder)).toEqual([]);
  });

  test('a control file of another cluster never gets its name', async () => {
    const files = smallCluster();
    files.set('global/pg_control', Buffer.alloc(8192, 7).fill(0, 8, 12));
    const damaged = files.get('global/pg_control') ?? Buffer.alloc(0);
    damaged.writeUInt32LE(1300, 8);
    const error = await refusal(restore(await commitSmallBackup(place.repo, cluster({ files }))));
    expect(error.code).toBe('postgres.format');
    expect(await readdir(join(data, 'global'))).not.toContain('pg_control');
  });

  test('symbolic links of a backup are not made, so that nothing can be written through them', async () => {
    const outside = join(folder, 'outside');
    await mkdir(outside);
    const marker = await commitSmallBackup(place.repo, cluster({ symlinks: new Map([['base/evil', outside]]) }));
    const reporter = createRecorder();
    await restore(marker, { effects: { ...(await restoreOrder(marker, [], data)).effects, reporter } });
    expect(await readdir(join(data, 'base'))).not.toContain('evil');
    expect(reporter.events).toContainEqual(
      expect.objectContaining({ kind: 'note', message: expect.stringContaining('base/evil') }),
    );
  });

  test('links that lie in the way of a resumed restore are not followed', async () => {
    const files = smallCluster();
    const marker = await commitSmallBackup(place.repo, cluster({ files }));
    await interrupted(marker);
    const outside = join(folder, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, '112'), 'mine');
    await rm(join(data, 'base/1'), { recursive: true, force: true });
    await symlink(outside, join(data, 'base/1'));
    expect((await refusal(restore(marker))).code).toBe('restore.destination');
    await rm(join(data, 'base/1'));
    await mkdir(join(data, 'base/1'));
    await symlink(join(outside, '112'), join(data, 'base/1/112'));
    expect((await refusal(restore(marker))).code).toBe('restore.failed');
    expect(await readFile(join(outside, '112'), 'utf8')).toBe('mine');
  });
});

/** Leaves a restore that was stopped somewhere in the middle. */
async function interrupted(marker: BackupMarker): Promise<void> {
  const stop = new AbortController();
  const base = (await restoreOrder(marker, [], data)).effects;
  let events = 0;
  const reporter = {
    report: () => {
      events += 1;
      if (events === 8) stop.abort(new Error('told to stop'));
    },
  };
  await expect(restore(marker, { effects: { ...base, reporter, signal: stop.signal } })).rejects.toThrow(
    'told to stop',
  );
}

describe('an interrupted restore', () => {
  test('keeps what is complete and mends what is not', async () => {
    const { files } = cluster();
    const marker = await commitSmallBackup(place.repo, cluster({ files }));
    const first = await restoreOrder(marker, [place.repo], data);
    await executeRestore(first);
    // As it was one step before the end, with damage: a file of the right size with other content, a cut one, a missing one.
    await writeFile(
      join(data, 'hoard-restore.json'),
      JSON.stringify({
        formatVersion: '1.0',
        site: 'orders',
        systemIdentifier: marker.systemIdentifier,
        backup: marker.id,
        tablespaces: [],
      }),
    );
    await writeFile(join(data, 'base/1/112'), Buffer.alloc(3 * 2 ** 20 + 17));
    await writeFile(join(data, 'base/5/11'), 'cut');
    await rm(join(data, 'base/5/10'));
    await appendFile(join(data, 'global/1262'), 'more');
    // The earlier run was to become a standby: in its signal's presence PostgreSQL would ignore the other one.
    await writeFile(join(data, 'standby.signal'), '');
    const outcome = await restore(marker);
    expect(outcome).toMatchObject({ resumed: true, kept: files.size - 1 - 5 });
    await expectRestored(files);
  });

  test('keeps files of many chunks that are complete', async () => {
    const files = new Map([
      ...smallCluster(),
      ['base/5/20', Buffer.alloc(2 * 2 ** 20 + 5, 'a')],
      ['base/5/21', Buffer.alloc(2 * 2 ** 20, 'b')],
      ['base/5/22', Buffer.alloc(2 * 2 ** 20 + 1, 'c')],
    ]);
    const marker = await commitSmallBackup(place.repo, cluster({ files }));
    const stop = new AbortController();
    const { effects } = await restoreOrder(marker, [], data);
    const atTheEnd = {
      report: (event: ReportedEvent) => {
        if (event.kind === 'progress' && event.doneBytes === event.totalBytes) stop.abort(new Error('told to stop'));
      },
    };
    await expect(restore(marker, { effects: { ...effects, reporter: atTheEnd, signal: stop.signal } })).rejects.toThrow(
      'told to stop',
    );
    await writeFile(join(data, 'base/5/22'), Buffer.alloc(2 * 2 ** 20 + 1, 'd'));
    // All but what was changed here, the settings, which the first run had written, and the signal file, which is never taken over.
    expect(await restore(marker)).toMatchObject({ resumed: true, kept: files.size - 3 });
    await expectRestored(files);
  });

  test('is never taken up on a cluster that a server has run on', async () => {
    const marker = await commitSmallBackup(place.repo, cluster());
    await restore(marker);
    await writeFile(
      join(data, 'hoard-restore.json'),
      JSON.stringify({
        formatVersion: '1.0',
        site: 'orders',
        systemIdentifier: marker.systemIdentifier,
        backup: marker.id,
        tablespaces: [],
      }),
    );
    await appendFile(join(data, 'global/pg_control'), 'changed');
    await writeFile(join(data, 'base/1/112'), 'new rows');
    expect((await refusal(restore(marker))).message).toContain('a server has been started');
    expect(await readFile(join(data, 'base/1/112'), 'utf8')).toBe('new rows');
  });

  test('killed at any change cannot be started, and ends whole when it is run again', {
    timeout: 180_000,
  }, async () => {
    const files = smallCluster();
    files.set('pg_tblspc/16385/PG_15_202209061/5/16390', Buffer.from('rows'));
    const marker = await commitSmallBackup(
      place.repo,
      cluster({ files, tablespaces: [{ oid: '16385', path: '/old/fast' }] }),
    );
    const fast = join(folder, 'fast');
    const run = (environment: Readonly<Record<string, string>> = {}) =>
      spawnSync(process.execPath, [PROCESS, place.directory, marker.id, data, `16385=${fast}`], {
        encoding: 'utf8',
        env: { ...process.env, ...environment },
      });
    const changes = await countChanges(folder, async (environment) => {
      expect(run(environment).stdout).toBe('restored');
    });
    const renamed = 1 + changes.findIndex((change) => change.includes('rename') && change.includes('pg_control'));
    expect(renamed).toBeGreaterThan(1);
    const points = [
      ...spreadPoints(changes.length, 12),
      { at: renamed, moment: 'before' as const },
      { at: renamed, moment: 'after' as const },
    ];
    for (const point of points) {
      await rm(folder, { recursive: true });
      await mkdir(folder);
      const killed = run(killPointEnvironment(folder, point));
      expect(killed.signal, JSON.stringify(point)).toBe('SIGKILL');
      const control = await stat(join(data, 'global/pg_control')).catch(() => undefined);
      if (point.at < renamed || (point.at === renamed && point.moment === 'before'))
        expect(control, JSON.stringify(point)).toBeUndefined();
      const again = run();
      const finished = point.at === changes.length || again.stdout.includes('not empty');
      if (!finished) expect(again.stdout, JSON.stringify(point)).toBe('restored');
      files.delete('pg_tblspc/16385/PG_15_202209061/5/16390');
      await expectRestored(files);
      expect(await readFile(join(fast, 'PG_15_202209061/5/16390'), 'utf8')).toBe('rows');
    }
  });
});

test('a full disk is said, and the restore goes on when there is space', async (context) => {
  const small = join(folder, 'small');
  await mkdir(small);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', small]).status !== 0) context.skip('may not mount');
  try {
    const { files } = cluster();
    const marker = await commitSmallBackup(place.repo, cluster({ files }));
    data = join(small, 'data');
    const error = await refusal(restore(marker));
    expect(error.code).toBe('store.full');
    expect(spawnSync('mount', ['-o', 'remount,size=20m', small]).status).toBe(0);
    expect((await restore(marker)).resumed).toBe(true);
    await expectRestored(files);
  } finally {
    spawnSync('umount', [small]);
  }
});
