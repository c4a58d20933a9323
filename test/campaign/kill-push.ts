import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type KillPoint, killPointEnvironment } from '../support/kill-points.ts';
import { archiveEverything } from '../support/restorable-cluster.ts';
import { type Judgement, judge } from './judge.ts';
import type { Tally } from './tally.ts';
import { SIGKILLED, World } from './world.ts';

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

/** Files as archive_command gets them, beside a control file: segments, a timeline history, an unfinished segment, a backup's label. */
async function walFiles(
  world: World,
): Promise<{ readonly wal: string; readonly names: readonly string[]; readonly segments: readonly string[] }> {
  const cluster = path.join(world.place.folder, 'cluster');
  const wal = path.join(cluster, 'pg_wal');
  for (const folder of ['global', 'pg_wal']) mkdirSync(path.join(cluster, folder), { recursive: true });
  for (let round = 0; round < 4; round += 1) {
    await world.change();
    await archiveEverything(world.server);
  }
  cpSync(path.join(world.server.dataDirectory, 'global/pg_control'), path.join(cluster, 'global/pg_control'));
  const archive = path.join(world.place.folder, 'archive');
  const segments = readdirSync(archive)
    .filter((name) => /^[0-9A-F]{24}$/.test(name))
    .sort()
    .slice(0, 4);
  for (const name of segments) cpSync(path.join(archive, name), path.join(wal, name));
  const [first = ''] = segments;
  const unfinished = readFileSync(path.join(wal, first)).fill(0, 512 * 1024);
  writeFileSync(path.join(wal, `${first}.partial`), unfinished);
  writeFileSync(path.join(wal, '00000002.history'), '1\t0/500000\tno recovery target specified\n');
  return { wal, segments, names: [first, `${first}.partial`, '00000002.history'] };
}

/** The command that only keeps what the server archives, for files that the campaign pushes itself. */
const keepArchive = ({ folder }: { readonly folder: string }): string => {
  mkdirSync(path.join(folder, 'archive'), { mode: 0o777 });
  return `cp %p ${path.join(folder, 'archive')}/%f`;
};

/** Kills wal push at each of its changes: into a new repository and into one that knows the cluster. */
export async function killPush(tally: Tally): Promise<void> {
  await using world = await World.make(keepArchive);
  await killEveryPush(world, tally);
}

/** The same with encrypted and signed WAL. */
export async function killEncryptedPush(tally: Tally): Promise<void> {
  await using world = await World.make(keepArchive);
  await world.encrypt();
  await killEveryPush(world, tally);
}

const judged = (world: World): Judgement => judge(world.repository, 'deep', 'main', world.decrypt);

async function killEveryPush(world: World, tally: Tally): Promise<void> {
  const { wal, names, segments } = await walFiles(world);
  const last = segments.at(-1) ?? '';
  for (const earlier of [undefined, last]) {
    for (const name of names) {
      for (const moment of ['after', 'before'] as const) {
        const into = earlier === undefined ? 'a new repository' : 'one that has another segment';
        await tally.everyChange(`push of ${name} into ${into}, killed ${moment}`, (at, where) =>
          killOnePush(world, tally, {
            file: path.join(wal, name),
            earlier: earlier && path.join(wal, earlier),
            point: { at, moment },
            where,
          }),
        );
        tally.say(`${name} into ${into}, killed ${moment}, ${tally.faults.length} faults`);
      }
    }
  }
}

const push = (
  world: World,
  file: string,
  environment: Readonly<Record<string, string>> = {},
): ReturnType<World['hoard']> => world.hoard(['wal', 'push', file], environment);

interface PushPoint {
  readonly file: string;
  /** Pushed and acknowledged before. */
  readonly earlier: string | undefined;
  readonly point: KillPoint;
  readonly where: string;
}

async function killOnePush(world: World, tally: Tally, { file, earlier, point, where }: PushPoint): Promise<boolean> {
  const name = path.basename(file);
  emptyStore(world);
  if (earlier !== undefined) tally.check((await push(world, earlier)).status === 0, where, 'the first push failed');
  const { status } = await push(world, file, killPointEnvironment(world.repository, point));
  const through = status !== SIGKILLED;
  tally.count(through ? 'runs that got through' : 'kills');
  const killed = judged(world);
  tally.check(killed.damage.length === 0, where, 'WAL is damaged', () => killed.damage.join('\n'));
  const kept = earlier === undefined || killed.wal.get(path.basename(earlier)) === sha256(earlier);
  tally.check(kept, where, 'the acknowledged segment is lost');
  tally.check(!through || (status === 0 && killed.wal.has(name)), where, `it got through and ended ${status}`);
  const again = await push(world, file);
  tally.check(again.status === 0, where, `the next push ended ${again.status}`, () => again.stderr);
  const { wal: stored, leftovers } = judged(world);
  tally.check(stored.get(name) === sha256(file), where, 'it is not stored as it was');
  tally.check(leftovers.length === 0, where, 'something is left over', () => leftovers.join('\n'));
  await checkFetch(world, tally, where, name, file);
  return through;
}

function emptyStore(world: World): void {
  rmSync(world.repository, { recursive: true, force: true });
  mkdirSync(path.join(world.repository, '.hoard-store'), { recursive: true });
}

/** What was acknowledged comes back by wal fetch as it was. An unfinished segment is never fetched under its own name. */
async function checkFetch(world: World, tally: Tally, where: string, name: string, original: string): Promise<void> {
  if (name.endsWith('.partial')) return;
  const target = path.join(world.place.folder, 'fetched');
  rmSync(target, { force: true });
  const { status, stderr } = await world.hoard(['wal', 'fetch', name, target]);
  const same = existsSync(target) && sha256(target) === sha256(original);
  tally.check(status === 0 && same, where, `fetch ended ${status}`, () => stderr);
}

/** Eight processes push the same segment at once, and one of them is killed at some time. */
export async function pushAtOnce(tally: Tally): Promise<void> {
  await using world = await World.make(keepArchive);
  const { wal, segments } = await walFiles(world);
  const [name = ''] = segments;
  for (let round = 1; round <= ROUNDS; round += 1) {
    const where = `round ${round}`;
    emptyStore(world);
    await tally.attempt(where, async () => {
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          world.hoard(['wal', 'push', path.join(wal, name)], {}, (child) => {
            if (index === 0) void sleep(200 + Math.random() * 1500).then(() => child.kill('SIGKILL'));
          }),
        ),
      );
      const killed = results[0]?.status === SIGKILLED;
      if (killed) tally.count('kills');
      tally.count('pushes', 8);
      const bad = results.slice(1).filter(({ status }) => status !== 0);
      tally.check(bad.length === 0, where, `${bad.length} of the others failed`, () =>
        bad.map(({ stderr }) => stderr).join(''),
      );
      tally.check(
        (await world.hoard(['wal', 'push', path.join(wal, name)])).status === 0,
        where,
        'the next push failed',
      );
      const { wal: stored, leftovers, damage } = judged(world);
      tally.check(stored.get(name) === sha256(path.join(wal, name)), where, 'it is not stored as it was');
      tally.check([...leftovers, ...damage].length === 0, where, 'something is left over', () =>
        [...leftovers, ...damage].join(),
      );
    });
  }
}

const ROUNDS = 8;
