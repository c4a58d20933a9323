import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCodec } from '../../src/codec/open-codec.ts';
import type { BackupsReport } from '../../src/policy/generated/backups-report.ts';
import { giveToServer, type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { type CliResult, LAUNCHER, type PolicyFolder, policyFolder, runHoard } from '../support/hoard-cli.ts';
import { encryptorFor, type TestKey, testKey } from '../support/test-keys.ts';

const PATIENCE = 180_000;

const QUICKSTART = readFileSync(
  path.resolve(import.meta.dirname, '../../examples/quickstart/policies/hoard.yaml'),
  'utf8',
);

/** The host of the database has public keys, and its own key to sign with. The private key is put there when something is restored. */
const ENCRYPTION = `
  encryption:
    recipients: [{ fromFile: team.pub.asc }]
    privateKey: { fromFile: team.key.asc }
    passphrase: { fromFile: team.passphrase }
    signing: { privateKey: { fromFile: host.key.asc } }
    trustedSigners: [{ fromFile: host.pub.asc }]
`;

// The tests tell one story; each goes on where the one before has ended.
describe('an encrypted and signed repository', () => {
  let place: PolicyFolder;
  let postgres: PostgresServer;
  let team: TestKey;
  let host: TestKey;

  beforeAll(async () => {
    team = await testKey('team', { passphrase: 'in the safe' });
    host = await testKey('host');
    place = policyFolder(
      QUICKSTART.replace('directory: ./hoard-repository }', `directory: ./hoard-repository }${ENCRYPTION}`),
    );
    keep('team.pub.asc', team.publicKey);
    keep('host.pub.asc', host.publicKey);
    keep('host.key.asc', host.privateKey);
    postgres = await startPostgres({
      server: 18,
      settings: {
        archive_mode: 'on',
        archive_command: `XDG_CACHE_HOME=${place.folder}/cache ${process.execPath} ${LAUNCHER} -f ${place.policies} wal push %p`,
      },
      readyWithin: PATIENCE,
    });
    await postgres.query(
      'create table t as select g as id, md5(random()::text) as text from generate_series(1, 100000) g',
    );
  }, PATIENCE);
  afterAll(async () => {
    await postgres?.[Symbol.asyncDispose]();
    place?.[Symbol.dispose]();
  });

  const keep = (name: string, text: string): void => {
    const file = path.join(place.folder, name);
    rmSync(file, { force: true });
    writeFileSync(file, text);
    chmodSync(file, 0o600);
    giveToServer(file);
  };
  const run = (args: readonly string[]): Promise<CliResult> =>
    runHoard(['-f', place.policies, ...args], {
      cwd: place.folder,
      environment: { HOARD_MAIN_URI: postgres.connectionUri(), XDG_CACHE_HOME: path.join(place.folder, 'cache') },
    });
  const succeed = async (...args: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await run(args);
    expect(status, `hoard ${args.join(' ')}\n${stderr}${stdout}`).toBe(0);
    return stdout;
  };
  const backups = async (): Promise<BackupsReport['backups']> =>
    (JSON.parse(await succeed('backup', 'list', '--output', 'json')) as BackupsReport).backups;
  const insertRows = (): Promise<unknown> =>
    postgres.query('insert into t select g, md5(random()::text) from generate_series(1, 1000) g');
  const rowsOf = (server: PostgresServer): Promise<unknown> =>
    server.query("select count(*)::int, md5(string_agg(id || text, ',' order by id, text)) as sum from t");
  const archiveEverything = async (): Promise<void> => {
    const [row] = await postgres.query<{ name: string }>('select pg_walfile_name(pg_switch_wal()) as name');
    const archived = async (): Promise<string> => {
      const [found] = await postgres.query<{ done: boolean }>(
        'select last_archived_wal >= $1 as done from pg_stat_archiver',
        [row?.name],
      );
      return found?.done === true ? 'archived' : `not archived:\n${postgres.log().slice(-3000)}`;
    };
    await expect.poll(archived, { timeout: PATIENCE / 2, interval: 200 }).toBe('archived');
  };
  const stored = (): readonly string[] =>
    readdirSync(place.repository, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name));

  it(
    'is written, planned, listed and built upon without a private key',
    async () => {
      await succeed('apply', '--yes');
      await succeed('plan', '--detailed-exitcode');
      await insertRows();
      await succeed('backup', 'take', 'main');
      const [first, second, ...more] = (await backups()).toSorted((a, b) => (a.id < b.id ? -1 : 1));
      expect(more).toEqual([]);
      expect([first, second]).toMatchObject([{ restorable: true }, { restorable: true }]);
      // What the first stored is told by the copy of its manifest, and not stored again.
      expect(second?.storedBytes).toBeLessThan((first?.storedBytes ?? 0) / 2);
      await succeed('status');
    },
    PATIENCE,
  );

  it('keeps nothing of the data in the clear', () => {
    const objects = stored();
    const encrypted = objects.filter((file) => file.endsWith('.pgp'));
    expect(encrypted.filter((file) => file.includes('/packs/')).length).toBeGreaterThan(0);
    expect(encrypted.filter((file) => file.includes('/wal/')).length).toBeGreaterThan(0);
    // Hashes of what is encrypted, and nothing else.
    const sums = objects.filter((file) => file.endsWith('/SHA256SUMS'));
    expect(sums.length).toBeGreaterThan(0);
    for (const file of sums) expect(readFileSync(file, 'utf8')).toMatch(/^(?:[0-9a-f]{64} {2}\d{8}\.pack\.pgp\n)+$/);
    // Small documents, which planning reads; whatever else there is, is encrypted.
    expect(objects.filter((file) => !file.endsWith('.json') && !sums.includes(file) && !file.endsWith('.pgp'))).toEqual(
      [],
    );
    for (const file of encrypted) {
      const bytes = readFileSync(file);
      // A frame of zstd, or a page of pg_class, in the clear.
      expect(bytes.includes(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])) && bytes.includes('pg_toast'), file).toBe(false);
    }
  });

  it(
    'is not restored without the key, or with a wrong passphrase, and nothing is written then',
    async () => {
      const to = path.join(place.folder, 'refused');
      for (const [key, passphrase, message] of [
        [undefined, undefined, /file .*team\.key\.asc does not exist/],
        [team.privateKey, undefined, /file .*team\.passphrase does not exist/],
        [team.privateKey, 'not this one', /the passphrase does not open key [0-9A-F]{40} \(team\)/],
        [host.privateKey, 'in the safe', /is encrypted to key [0-9A-F]{16}; declared here: key [0-9A-F]{40} \(host\)/],
      ] as const) {
        if (key !== undefined) keep('team.key.asc', key);
        if (passphrase !== undefined) keep('team.passphrase', passphrase);
        const { status, stderr } = await run(['restore', 'main', '--to', to, '--no-archive']);
        expect(status, stderr).toBe(12);
        expect(stderr).toMatch(message);
        expect(stderr).not.toMatch(/BEGIN PGP|in the safe/);
        expect(readdirSync(place.folder)).not.toContain('refused');
      }
    },
    PATIENCE,
  );

  it(
    'is restored with the key, every row, also those that are only in the WAL',
    async () => {
      await insertRows();
      const wanted = await rowsOf(postgres);
      await archiveEverything();
      const to = path.join(place.folder, 'restored');
      keep('team.key.asc', team.privateKey);
      keep('team.passphrase', 'in the safe');
      await succeed('restore', 'main', '--to', to, '--no-archive');
      const copy = await startPostgres({ server: 18, dataDirectory: to, readyWithin: PATIENCE });
      try {
        await copy.waitUntilRecovered(PATIENCE);
        expect(await rowsOf(copy)).toEqual(wanted);
      } finally {
        await copy[Symbol.asyncDispose]();
      }
      rmSync(to, { recursive: true });
    },
    PATIENCE,
  );

  it(
    'does not take what somebody else has put in place of a segment',
    async () => {
      const segment =
        stored().find((file) => /\/0000000100000000[0-9A-F]{8}-[0-9a-f]{64}\.to_[0-9a-f]{16}\.zst\.pgp$/.test(file)) ??
        '';
      const name = path.basename(segment).slice(0, 24);
      const forger = await testKey('forger');
      const encryptor = await encryptorFor([team], forger);
      const pieces: Uint8Array[] = [];
      async function* forged(): AsyncGenerator<Uint8Array> {
        yield await openCodec({ algorithm: 'zstd', level: 3 }).encode(Buffer.from('not the WAL of this cluster'));
      }
      const key = segment.slice(place.repository.length + 1);
      for await (const piece of encryptor.encrypt(forged(), key)) pieces.push(piece);
      writeFileSync(segment, Buffer.concat(pieces));
      const destination = path.join(place.folder, 'RECOVERYXLOG');
      const { status, stderr } = await run(['wal', 'fetch', name, destination]);
      expect(status, stderr).toBe(255);
      expect(stderr).toContain('cannot be trusted');
      expect(readdirSync(place.folder)).not.toContain('RECOVERYXLOG');
    },
    PATIENCE,
  );
});
