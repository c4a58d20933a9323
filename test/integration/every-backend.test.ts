import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupsReport } from '../../src/policy/generated/backups-report.ts';
import { loadPolicies } from '../../src/policy/load-policies.ts';
import { createSecretResolver } from '../../src/policy/secret-resolver.ts';
import { openStore } from '../../src/storage/open-store.ts';
import { createSystemEffects } from '../../src/telemetry/system-effects.ts';
import { type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { hasAzurite, startAzurite } from '../../support/servers/azurite.ts';
import { isCephInstalled, startCeph } from '../../support/servers/ceph.ts';
import { startGcsServer } from '../../support/servers/gcs/gcs-server.ts';
import { hasSshd, startSshd } from '../../support/servers/sshd.ts';
import { startSwift, swiftInstalled } from '../../support/servers/swift.ts';
import { giveToServer } from '../../support/unprivileged.ts';
import { type CliResult, LAUNCHER, type PolicyFolder, policyFolder, runHoard } from '../support/hoard-cli.ts';

const QUICKSTART = readFileSync(
  path.resolve(import.meta.dirname, '../../examples/quickstart/policies/hoard.yaml'),
  'utf8',
);
const LOCAL = '{ type: local, directory: ./hoard-repository }';
const CRON = '{ cron: "0 2 * * *" }';
/** A backup is due as soon as the newest is older than this. */
const DUE_MILLISECONDS = 1000;
/** Far more than any step takes: the machine may be busy with something else. */
const PATIENCE = 120_000;
/** Ends before the test does, so that it can say what was not archived. */
const ARCHIVED_WITHIN = PATIENCE / 2;

/** Puts a secret into a file that commands can read, and gives what a policy says of it: archive_command has no environment of ours. */
type KeepSecret = (secret: string) => { readonly fromFile: string };

/** What a policy says under `storage`, and the server behind it. */
interface Started {
  readonly storage: Readonly<Record<string, unknown>>;
  readonly server?: AsyncDisposable;
  /** What the first plan and apply must say besides, where a place that is not there could also be a disk that is not mounted. */
  readonly create?: readonly string[];
}

interface Backend {
  readonly name: string;
  /** Why it cannot be tested here; empty where it can. */
  readonly missing: string;
  start(keep: KeepSecret): Promise<Started>;
}

const BACKENDS: readonly Backend[] = [
  {
    name: 'a local directory',
    missing: '',
    start: async () => ({ storage: { type: 'local', directory: './hoard-repository' } }),
  },
  {
    name: 'S3 on a real Ceph',
    missing: isCephInstalled() ? '' : ': radosgw, ceph-mon and ceph-osd are not installed',
    start: async (keep) => {
      const server = await startCeph();
      await server.makeBucket('backups');
      const credentials = { accessKeyId: keep(server.accessKey), secretAccessKey: keep(server.secretKey) };
      const { endpoint, region } = server;
      return {
        server,
        storage: { type: 's3', bucket: 'backups', region, endpoint, forcePathStyle: true, credentials },
      };
    },
  },
  {
    name: 'Google Cloud Storage',
    missing: '',
    start: async (keep) => {
      const server = await startGcsServer();
      server.makeBucket('backups');
      const credentials = { keyFile: keep(server.keyFile) };
      return { server, storage: { type: 'gcs', bucket: 'backups', endpoint: server.endpoint, credentials } };
    },
  },
  {
    name: 'Azure on azurite',
    missing: hasAzurite() ? '' : ': support/azurite is not installed',
    start: async (keep) => {
      const server = await startAzurite();
      await server.makeContainer('backups');
      const { account, endpoint } = server;
      const credentials = { accountKey: keep(server.accountKey) };
      return { server, storage: { type: 'azure', account, container: 'backups', endpoint, credentials } };
    },
  },
  {
    name: 'OpenStack Swift',
    missing: swiftInstalled() ? '' : ': the servers of Swift and memcached are not installed',
    start: async (keep) => {
      const server = await startSwift();
      await server.makeContainer('backups');
      const credentials = { user: server.user, key: keep(server.key) };
      return {
        server,
        storage: { type: 'swift', container: 'backups', authUrl: server.authUrl, authVersion: 1, credentials },
      };
    },
  },
  {
    name: 'SFTP on OpenSSH',
    missing: hasSshd() ? '' : ': openssh-server is not installed',
    start: async (keep) => {
      const server = await startSshd();
      const { host, port, username, folder } = server;
      const hostKey = server.hostKeys.ed25519.fingerprint;
      const credentials = { username, privateKey: keep(server.key) };
      return {
        server,
        create: ['--create-repository', 'local'],
        storage: { type: 'sftp', host, port, directory: `${folder}/backups`, hostKey, credentials },
      };
    },
  },
];

let postgres: PostgresServer;
beforeAll(async () => {
  // The commands differ by backend; the mode cannot be changed without a new start.
  postgres = await startPostgres({ server: 18, settings: { archive_mode: 'on' }, readyWithin: PATIENCE });
  // Larger than one part of an upload, also when it is compressed.
  await postgres.query(
    'create table t as select g as id, md5(random()::text) as text from generate_series(1, 100000) g',
  );
});
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
});

const insertRows = (count: number): Promise<unknown> =>
  postgres.query(`insert into t select g, md5(random()::text) from generate_series(1, ${count}) g`);

const rowsOf = (server: PostgresServer): Promise<unknown> =>
  server.query("select count(*)::int, md5(string_agg(id || text, ',' order by id, text)) as sum from t");

/** Everything that the server has written so far is in the repository when this resolves. */
async function archiveEverything(): Promise<void> {
  const [row] = await postgres.query<{ name: string }>('select pg_walfile_name(pg_switch_wal()) as name');
  const archived = async (): Promise<string> => {
    const [found] = await postgres.query<{ done: boolean }>(
      'select last_archived_wal >= $1 as done from pg_stat_archiver',
      [row?.name],
    );
    return found?.done === true ? 'archived' : `not archived:\n${postgres.log().slice(-4000)}`;
  };
  await expect.poll(archived, { timeout: ARCHIVED_WITHIN, interval: 100 }).toBe('archived');
}

async function archiveWith(command: string): Promise<void> {
  await postgres.query(`alter system set archive_command = '${command}'`);
  await postgres.query('select pg_reload_conf()');
  await expect
    .poll(() => postgres.query('show archive_command'), { timeout: ARCHIVED_WITHIN })
    .toEqual([{ archive_command: command }]);
}

for (const backend of BACKENDS) {
  // The tests of a backend tell one story; each goes on where the one before has ended.
  describe.skipIf(backend.missing !== '')(`the quickstart on ${backend.name}${backend.missing}`, () => {
    let place: PolicyFolder;
    let started: Started | undefined;
    let settled = '';
    let first = '';
    /** When the first apply ended, which is after the start of its backup. */
    let appliedAt = 0;

    beforeAll(async () => {
      place = policyFolder(QUICKSTART);
      let secrets = 0;
      started = await backend.start((secret) => {
        secrets += 1;
        const fromFile = path.join(place.folder, `secret-${secrets}`);
        writeFileSync(fromFile, secret, { mode: 0o600 });
        giveToServer(fromFile);
        return { fromFile };
      });
      // One backup is kept, and nothing beside it.
      settled = QUICKSTART.replace(LOCAL, JSON.stringify(started.storage))
        .replace('window: 7d', 'prune: auto')
        .replace('keep: { last: 2 }', 'keep: { last: 1 }');
      place.write(settled);
    });
    afterAll(async () => {
      await started?.server?.[Symbol.asyncDispose]();
      place[Symbol.dispose]();
    });

    const hoard = (...args: readonly string[]): Promise<CliResult> =>
      runHoard(['-f', place.policies, ...args], {
        cwd: place.folder,
        environment: { HOARD_MAIN_URI: postgres.connectionUri() },
      });
    const succeed = async (...args: readonly string[]): Promise<string> => {
      const { status, stdout, stderr } = await hoard(...args);
      expect(status, `hoard ${args.join(' ')}\n${stderr}${stdout}`).toBe(0);
      return stdout;
    };
    const backups = async (): Promise<BackupsReport['backups']> =>
      (JSON.parse(await succeed('backup', 'list', '--output', 'json')) as BackupsReport).backups;

    it(
      'is declared, and the first apply takes a backup',
      async () => {
        await archiveWith(`${process.execPath} ${LAUNCHER} -f ${place.policies} wal push %p`);
        const create = started?.create ?? [];
        await succeed('validate');
        expect((await hoard('plan', '--detailed-exitcode', ...create)).status).toBe(2);
        await succeed('apply', '--yes', ...create);
        appliedAt = Date.now();
        await succeed('plan', '--detailed-exitcode');
        const [taken, ...more] = await backups();
        expect(taken).toMatchObject({ restorable: true });
        expect(more).toEqual([]);
        first = taken?.id ?? '';
        expect(await storedKeys(place.policies, `backups/${first}/`)).not.toEqual([]);
      },
      PATIENCE,
    );

    it(
      'the next backup removes the one before, to its last object',
      async () => {
        await insertRows(1000);
        await archiveEverything();
        await sleep(Math.max(0, appliedAt + DUE_MILLISECONDS - Date.now()));
        place.write(settled.replace(CRON, '{ every: 1s }'));
        await succeed('apply', '--yes');
        place.write(settled);
        await succeed('plan', '--detailed-exitcode');
        const [kept, ...more] = await backups();
        expect(kept).toMatchObject({ restorable: true });
        expect(more).toEqual([]);
        expect(kept?.id).not.toBe(first);
        expect(await storedKeys(place.policies, `backups/${first}/`)).toEqual([]);
        expect(await storedKeys(place.policies, `backups/${kept?.id}/`)).not.toEqual([]);
        // What stays of its packs is named by the kept backup; their sums stay just as long.
        const packs = await storedKeys(place.policies, `packs/${first}/`);
        expect(packs.filter((key) => key.endsWith('/SHA256SUMS'))).toHaveLength(packs.length > 0 ? 1 : 0);
        expect(packs).not.toHaveLength(1);
      },
      PATIENCE,
    );

    it(
      'check proves it',
      async () => {
        await succeed('check');
      },
      PATIENCE,
    );

    it(
      'what is restored has every row, also those that are only in the WAL',
      async () => {
        await insertRows(1000);
        const wanted = await rowsOf(postgres);
        await archiveEverything();
        const dataDirectory = path.join(place.folder, 'restored');
        await succeed('restore', 'main', '--to', dataDirectory, '--no-archive');
        const copy = await startPostgres({ server: 18, dataDirectory, readyWithin: PATIENCE });
        try {
          await copy.waitUntilRecovered(PATIENCE);
          expect(await rowsOf(copy)).toEqual(wanted);
        } finally {
          await copy[Symbol.asyncDispose]();
        }
        rmSync(dataDirectory, { recursive: true });
      },
      PATIENCE,
    );
  });
}

/** As the store itself lists them, whatever hoard's commands say. */
async function storedKeys(policies: string, folder: string): Promise<string[]> {
  const { desired } = await loadPolicies(policies);
  const [repository] = desired?.repositories.values() ?? [];
  if (repository === undefined) throw new Error('the policies declare no repository');
  const { signal } = new AbortController();
  const effects = createSystemEffects({ environment: {}, reporter: { report: () => undefined }, signal });
  const store = await openStore(repository, { ...effects, secrets: createSecretResolver({}) });
  try {
    const keys: string[] = [];
    for await (const page of store.list(`sites/main/${folder}`, { signal })) keys.push(...page.map(({ key }) => key));
    return keys;
  } finally {
    await store.close();
  }
}
