import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CodecName } from '../../src/codec/codec.ts';
import { giveToServer, type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { unprivileged } from '../../support/unprivileged.ts';
import { GnuPg, missingGnuPg } from '../support/gnupg.ts';
import { LAUNCHER, type PolicyFolder, policyFolder, runHoard } from '../support/hoard-cli.ts';
import { archiveEverything } from '../support/restorable-cluster.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SCRIPT = path.join(ROOT, 'examples/restore-without-hoard/restore.sh');
const PAGE = readFileSync(path.join(ROOT, 'docs/restore-without-hoard.md'), 'utf8');

/** All that the script and the page may use, beside what is built into the shell: no hoard, no Node. */
const TOOLS =
  'sh gpg zstd xz jq awk basename cat chmod cmp cp cut dd dirname env find grep head id ln ls mkdir mktemp mv printf';
const MORE_TOOLS = 'od rm sed sha256sum sort stat sync tail tr';

/** Debian has the library, but no tool for the framing format. */
const LIBSNAPPY = '/usr/share/doc/libsnappy1v5/copyright';
const SNAPPY = `python3 ${path.join(ROOT, 'test/support/framed-snappy.py')} -d`;

const missing = ['gpg', 'zstd', 'xz', 'jq'].filter((tool) => !existsSync(`/usr/bin/${tool}`));
const notRun = missing.length === 0 ? missingGnuPg : `: not installed: ${missing.join(', ')}`;

/** Far more than any step takes: the machine may be busy with something else. */
const PATIENCE = 300_000;

interface Case {
  readonly algorithm: CodecName;
  readonly encrypted: boolean;
}

const CASES: readonly Case[] = [
  { algorithm: 'zstd', encrypted: true },
  { algorithm: 'none', encrypted: true },
  { algorithm: 'lzma', encrypted: true },
  { algorithm: 'snappy', encrypted: true },
  { algorithm: 'zstd', encrypted: false },
];

/** A test that some cases leave out on purpose: they would only show the same again. */
const where =
  (wanted: boolean) =>
  (title: string, options: { readonly timeout: number }, body: () => void | Promise<void>): void => {
    if (wanted) test(title, options, body);
  };

const policies = ({ algorithm, encrypted }: Case): string => `
apiVersion: hoard/v1
kind: Repository
metadata: { name: local }
spec:
  storage: { type: local, directory: ./hoard-repository }
  compression: { algorithm: ${algorithm} }
${
  encrypted
    ? `  encryption:
    recipients: [{ fromFile: ./backup.pub.asc }]
    signing: { privateKey: { fromFile: ./signer.key.asc } }`
    : ''
}
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

describe.skipIf(notRun !== '')(`without hoard${notRun}`, () => {
  for (const each of CASES) {
    const { algorithm, encrypted } = each;
    const title = `${algorithm}, ${encrypted ? 'encrypted and signed' : 'in plain'}`;
    const lacks = algorithm === 'snappy' && !existsSync(LIBSNAPPY) ? ': libsnappy1v5 is not installed' : '';
    describe.skipIf(lacks !== '')(`${title}${lacks}`, () => {
      let place: PolicyFolder;
      let gpg: GnuPg;
      let signer = '';
      let source: PostgresServer;
      let tablespace = '';
      let wanted: unknown;
      let tools = '';

      beforeAll(async () => {
        place = policyFolder(policies(each));
        gpg = new GnuPg();
        const recipient = gpg.newKey('backup', ['ed25519', 'cv25519']);
        signer = gpg.newKey('signer', ['ed25519', 'cv25519']);
        const keep = (name: string, text: string): void => {
          writeFileSync(path.join(place.folder, name), text, { mode: 0o600 });
          giveToServer(path.join(place.folder, name));
        };
        keep('backup.pub.asc', gpg.publicKey(recipient));
        keep('signer.pub.asc', gpg.publicKey(signer));
        keep('signer.key.asc', gpg.privateKey(signer));
        keep('backup.key.asc', gpg.privateKey(recipient));
        tools = path.join(place.folder, 'tools');
        mkdirSync(tools);
        for (const tool of `${TOOLS} ${MORE_TOOLS}${algorithm === 'snappy' ? ' python3' : ''}`.split(' ')) {
          const found = ['/usr/bin', '/bin'].map((folder) => path.join(folder, tool)).find((file) => existsSync(file));
          symlinkSync(found ?? expect.fail(`${tool} is not installed`), path.join(tools, tool));
        }
        source = await startPostgres({
          server: 18,
          initdb: ['--wal-segsize=1'],
          settings: {
            archive_mode: 'on',
            archive_command: `${process.execPath} ${LAUNCHER} -f ${place.policies} wal push %p`,
            max_wal_size: '64MB',
            min_wal_size: '4MB',
          },
          readyWithin: PATIENCE,
        });
        const fast = path.join(place.folder, 'fast');
        mkdirSync(fast, { mode: 0o700 });
        giveToServer(fast);
        await source.query(`create tablespace fast location '${fast}'`);
        await source.query(
          'create table t as select g as id, repeat(md5(g::text), 5) as text from generate_series(1, 20000) g',
        );
        await source.query('create table u tablespace fast as select * from t');
        const taken = await runHoard(['-f', place.policies, 'backup', 'take'], {
          cwd: place.folder,
          environment: { HOARD_MAIN_URI: source.connectionUri() },
        });
        expect(taken.status, `hoard backup take:\n${taken.stderr}${taken.stdout}\n${source.log().slice(-2000)}`).toBe(
          0,
        );
        await source.query("insert into t select g, 'only in the WAL' from generate_series(1, 5000) g");
        await archiveEverything(source);
        wanted = await rowsOf(source);
        const [row] = await source.query<{ oid: string }>("select oid::text from pg_tablespace where spcname = 'fast'");
        tablespace = row?.oid ?? '';
      }, PATIENCE);
      afterAll(async () => {
        await source?.[Symbol.asyncDispose]();
        gpg?.[Symbol.dispose]();
        place?.[Symbol.dispose]();
      });

      interface Ran {
        readonly status: number | null;
        readonly stdout: string;
        readonly stderr: string;
      }
      interface Surroundings {
        readonly cwd?: string;
        readonly environment?: Readonly<Record<string, string | undefined>>;
      }

      function sh(args: readonly string[], { cwd = place.folder, environment = {} }: Surroundings = {}): Ran {
        const { command, args: all, ...ids } = unprivileged('/bin/sh', args);
        const env = {
          PATH: tools,
          GNUPGHOME: gpg.home,
          TMPDIR: place.folder,
          ...(encrypted && { SIGNER: signer }),
          SNAPPY,
        };
        const ran = spawnSync(command === 'unshare' ? '/usr/bin/unshare' : command, all, {
          ...ids,
          cwd,
          env: { ...env, ...environment },
          encoding: 'utf8',
        });
        return { status: ran.status, stdout: ran.stdout, stderr: ran.stderr };
      }
      const script = (args: readonly string[], surroundings?: Surroundings): Ran => sh([SCRIPT, ...args], surroundings);

      function restore(name: string, repository = place.repository): Ran & { readonly directory: string } {
        const directory = path.join(place.folder, name);
        const mapping = `${tablespace}=${path.join(place.folder, `${name}-fast`)}`;
        return { ...script([repository, 'main', 'latest', directory, mapping]), directory };
      }

      /** A copy of the repository with one byte changed in the middle of the object. */
      function damaged(name: string, wantedObject: RegExp): string {
        const copy = path.join(place.folder, name);
        cpSync(place.repository, copy, { recursive: true });
        const object = objects(copy).find((key) => wantedObject.test(key)) ?? expect.fail(`no ${wantedObject}`);
        const bytes = readFileSync(path.join(copy, object));
        const middle = bytes.length >> 1;
        bytes[middle] = (bytes[middle] ?? 0) ^ 1;
        writeFileSync(path.join(copy, object), bytes);
        giveToServer(copy);
        return copy;
      }

      const objects = (repository: string): readonly string[] =>
        readdirSync(repository, { recursive: true, encoding: 'utf8' }).toSorted();
      const segments = (): readonly string[] =>
        objects(place.repository).filter((key) => /\/[0-9A-F]{24}-[0-9a-f]{64}\./.test(key));
      const nameOf = (key: string): string => path.basename(key).slice(0, 24);

      test('a backup with its WAL has every row', { timeout: PATIENCE }, async () => {
        const stored = objects(place.repository);
        expect(stored.filter((key) => /\.pack\.pgp$|\.ndjson\.\w+\.pgp$/.test(key)).length > 1).toBe(encrypted);
        const { directory, ...ran } = restore('restored');
        expect(ran.status, ran.stderr).toBe(0);
        expect(readFileSync(path.join(directory, 'postgresql.auto.conf'), 'utf8')).toMatch(
          /restore_command = .*restore\.sh'' ''wal'' .*\narchive_mode = off\n$/,
        );
        const copy = await startPostgres({ server: 18, dataDirectory: directory, readyWithin: PATIENCE });
        try {
          await copy.waitUntilRecovered(PATIENCE);
          expect(await rowsOf(copy)).toEqual(wanted);
          expect(copy.log()).toMatch(/restored log file "[0-9A-F]{24}" from archive/);
          await copy.query("insert into u values (0, 'after')");
        } finally {
          await copy[Symbol.asyncDispose]();
        }
      });

      // What notices it is gpg or, in plain, the hash; no codec makes a difference, but for its time.
      const quick = where(algorithm === 'zstd');
      quick(
        'a changed byte in a pack is noticed, and no cluster is left that could start',
        {
          timeout: PATIENCE,
        },
        () => {
          const repository = damaged('damaged-pack', /\.pack(\.pgp)?$/);
          const { directory, ...ran } = restore('not-restored', repository);
          expect(ran.status).toBe(1);
          expect(ran.stderr).toMatch(/\d{8}\.pack/);
          expect(existsSync(path.join(directory, 'global/pg_control'))).toBe(false);
        },
      );

      test('a changed byte in the manifest or in backup.json is noticed', () => {
        for (const [name, object] of [
          ['damaged-manifest', /manifest\.ndjson/],
          ['damaged-marker', /backup\.json$/],
        ] as const) {
          const ran = restore(name, damaged(`${name}-repository`, object));
          expect(ran.status).toBe(1);
          expect(ran.stderr).toContain('is damaged');
        }
      });

      test('a tablespace needs a place', () => {
        const ran = script([place.repository, 'main', 'latest', path.join(place.folder, 'without-place')]);
        expect(ran.status).toBe(1);
        expect(ran.stderr).toContain(`${tablespace}=DIRECTORY`);
      });

      test('WAL is handed over whole or not at all, and only its end ends a recovery', () => {
        const [key = '', other = ''] = segments();
        const target = path.join(place.folder, 'segment');
        const fetch = (repository: string, name: string, surroundings?: Surroundings): Ran =>
          script(['wal', repository, 'main', name, target], surroundings);
        const whole = fetch(place.repository, nameOf(key));
        expect(whole.status, whole.stderr).toBe(0);
        expect(readFileSync(target)).toHaveLength(1024 * 1024);
        spawnSync('rm', ['-f', target]);

        expect(fetch(place.repository, '0000000100000FFF00000001').status).toBe(1);
        expect(fetch(place.repository, '00000009.history').status).toBe(1);
        expect(fetch(path.join(place.folder, 'nowhere'), nameOf(key)).status).toBe(255);

        const broken = damaged('damaged-wal', new RegExp(nameOf(key)));
        expect(fetch(broken, nameOf(key)).status).toBe(255);
        writeFileSync(path.join(place.folder, 'standby.signal'), '');
        expect(fetch(broken, nameOf(key)).status).toBe(1);
        spawnSync('rm', [path.join(place.folder, 'standby.signal')]);

        const twice = path.join(place.folder, 'two-contents');
        cpSync(place.repository, twice, { recursive: true });
        copyFileSync(
          path.join(twice, other),
          path.join(twice, path.dirname(key), path.basename(other).replace(nameOf(other), nameOf(key))),
        );
        giveToServer(twice);
        const conflict = fetch(twice, nameOf(key));
        expect(conflict.status).toBe(255);
        expect(conflict.stderr).toContain('two contents');
        expect(existsSync(target)).toBe(false);
        expect(readdirSync(place.folder).filter((name) => name.startsWith('segment.restore'))).toEqual([]);
      });

      const signed = where(encrypted);
      signed(
        'what the wrong key has signed, or what was signed as another object, is refused',
        { timeout: PATIENCE },
        () => {
          const [key = '', other = ''] = segments();
          const target = path.join(place.folder, 'segment');
          const foreign = script(['wal', place.repository, 'main', nameOf(key), target], {
            environment: { SIGNER: 'A'.repeat(40) },
          });
          expect(foreign.status).toBe(255);
          expect(foreign.stderr).toContain('is not signed by');
          const swapped = path.join(place.folder, 'swapped');
          cpSync(place.repository, swapped, { recursive: true });
          const name = nameOf(key).replace(/.{8}$/, '00000FFF');
          copyFileSync(
            path.join(swapped, other),
            path.join(swapped, path.dirname(key), path.basename(other).replace(nameOf(other), name)),
          );
          giveToServer(swapped);
          const ran = script(['wal', swapped, 'main', name, target]);
          expect(ran.status).toBe(255);
          expect(ran.stderr).toContain('the signature of another object');
          expect(existsSync(target)).toBe(false);
        },
      );

      const paged = where(encrypted && algorithm === 'zstd');
      paged('every command of the page does what the page says', { timeout: PATIENCE }, () => {
        const [values = '', ...blocks] = [...PAGE.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text = '']) => text);
        expect(values).toMatch(/^REPOSITORY=/);
        expect(blocks).toHaveLength(6);
        const folder = path.join(place.folder, 'by-hand');
        mkdirSync(folder);
        giveToServer(folder);
        const environment = {
          REPOSITORY: place.repository,
          SITE: 'main',
          KEYS: place.folder,
          SIGNER: signer,
          SCRIPT,
          DIRECTORY: path.join(folder, 'data'),
          TABLESPACE: `${tablespace}=${path.join(folder, 'fast')}`,
          GNUPGHOME: emptyRing.home,
        };
        for (const name of values.matchAll(/^([A-Z]+)=/gm)) expect(Object.keys(environment)).toContain(name[1]);
        const ran = sh(['-euc', blocks.join('\n')], { cwd: folder, environment });
        expect(ran.status, ran.stderr).toBe(0);
        expect(readFileSync(path.join(folder, 'postgresql.conf'))).toEqual(
          readFileSync(path.join(folder, 'data/postgresql.conf')),
        );
        expect(existsSync(path.join(folder, 'data/global/pg_control'))).toBe(true);
        expect(ran.stdout).toContain(readdirSync(path.join(place.repository, 'sites/main/backups'))[0]);
        expect(readFileSync(path.join(folder, nameOf(segments()[0] ?? '')))).toHaveLength(1024 * 1024);
      });
      let emptyRing: GnuPg;
      beforeAll(() => {
        emptyRing = new GnuPg();
      });
      afterAll(() => emptyRing?.[Symbol.dispose]());
    });
  }
});

const rowsOf = (server: PostgresServer): Promise<unknown> =>
  server.query(`select (select count(*) || md5(string_agg(id || text, ',' order by id, text)) from t) as t,
    (select count(*) || md5(string_agg(id || text, ',' order by id, text)) from u) as u`);
