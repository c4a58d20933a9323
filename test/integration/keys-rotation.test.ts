import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupId } from '../../src/domain/observed.ts';
import type { CheckReport } from '../../src/policy/generated/check-report.ts';
import type { KeysReport } from '../../src/policy/generated/keys-report.ts';
import type { NewKeyReport } from '../../src/policy/generated/new-key-report.ts';
import type { StatusReport } from '../../src/policy/generated/status-report.ts';
import { createSecretResolver } from '../../src/policy/secret-resolver.ts';
import { openEncryption } from '../../src/repository/open-encryption.ts';
import { createLocalStore } from '../../src/storage/local/local-store.ts';
import { systemClock } from '../../src/telemetry/system-effects.ts';
import { giveToServer } from '../../support/unprivileged.ts';
import { encryptedPolicies, type KeyFolder, keyFolder } from '../support/key-folder.ts';
import { nameOf, storeText } from '../support/repository-objects.ts';
import { commitSmallBackup } from '../support/small-backup.ts';
import { calm, openTestRepository } from '../support/temporary-repository.ts';
import { reportErrors } from '../support/validate-report.ts';

let place: KeyFolder;

beforeAll(() => {
  place = keyFolder();
});

afterAll(() => place[Symbol.dispose]());

const inFolder = (name: string): string => path.join(place.folder, name);
const read = (name: string): string => readFileSync(inFolder(name), 'utf8');

interface Encryption {
  readonly recipients: readonly string[];
  readonly privateKey?: string;
  readonly passphrase?: string;
  readonly signing?: string;
  readonly trustedSigners?: readonly string[];
}

/** Declares keys by the names of their files. */
function declare({ recipients, privateKey, passphrase, signing, trustedSigners }: Encryption): void {
  const list = (names: readonly string[]): string => names.map((name) => `{ fromFile: ${name}.pub.asc }`).join(', ');
  place.write(
    encryptedPolicies(
      [
        '  encryption:',
        `    recipients: [${list(recipients)}]`,
        ...(privateKey ? [`    privateKey: { fromFile: ${privateKey}.key.asc }`] : []),
        ...(passphrase ? [`    passphrase: { fromFile: ${passphrase} }`] : []),
        ...(signing ? [`    signing: { privateKey: { fromFile: ${signing}.key.asc } }`] : []),
        ...(trustedSigners ? [`    trustedSigners: [${list(trustedSigners)}]`] : []),
      ].join('\n'),
    ),
  );
}

// Each case runs the program many times.
describe('rotation from one key to another', { timeout: 180_000 }, () => {
  const ids: BackupId[] = [];
  let old: NewKeyReport;
  let next: NewKeyReport;

  /** A real backup, encrypted as the repository would be then. */
  async function back(recipients: readonly string[]): Promise<void> {
    const file = (name: string) => ({ kind: 'file', path: inFolder(name) }) as const;
    const encryption =
      recipients.length === 0
        ? undefined
        : openEncryption(
            {
              recipients: recipients.map((name) => file(`${name}.pub.asc`)),
              privateKey: undefined,
              passphrase: undefined,
              signing: undefined,
              trustedSigners: [],
            },
            { secrets: createSecretResolver({}), clock: systemClock, signal: calm() },
          );
    const repo = await openTestRepository(place.repository, { name: 'local', ...(encryption && { encryption }) });
    const startTime = Date.UTC(2026, 10, 1 + ids.length);
    const files = new Map([['PG_VERSION', Buffer.from('18\n')]]);
    ids.push(
      (await commitSmallBackup(repo, { files, startTime, startLsn: 0x2000028n + BigInt(ids.length) * 0x1000000n })).id,
    );
    await storeText(repo, nameOf(1 + ids.length), `segment ${ids.length}`);
    giveToServer(place.folder);
  }

  async function list(...args: readonly string[]): Promise<{ status: number; document: KeysReport; stderr: string }> {
    const { status, stdout, stderr } = await place.hoard('keys', 'list', '--output', 'json', ...args);
    const document = JSON.parse(stdout) as KeysReport;
    expect(reportErrors('keys', document)).toEqual([]);
    return { status, document, stderr };
  }

  const retired = ({ backups }: KeysReport): readonly (boolean | null)[] =>
    backups.toReversed().map(({ onlyRetired }) => onlyRetired);
  const opens = ({ backups }: KeysReport): readonly (boolean | null)[] =>
    backups.toReversed().map(({ opensHere }) => opensHere);

  async function notes(): Promise<readonly string[]> {
    const { status, stdout } = await place.hoard('status', '--output', 'json');
    expect(status).toBe(0);
    const document = JSON.parse(stdout) as StatusReport;
    expect(reportErrors('status', document)).toEqual([]);
    return document.sites[0]?.notes ?? [];
  }

  async function check(): Promise<{ status: number; steps: CheckReport['checked'][number]['steps'] }> {
    const { status, stdout } = await place.hoard('check', '--repository', 'local', '--output', 'json');
    const document = JSON.parse(stdout) as CheckReport;
    expect(reportErrors('check', document)).toEqual([]);
    const keys = ['recipient', 'signing-key', 'trusted-signer', 'private-key', 'key-expiry'];
    return { status, steps: document.checked.flatMap(({ steps }) => steps).filter(({ name }) => keys.includes(name)) };
  }

  beforeAll(async () => {
    old = await place.create('old', '--passphrase-file', 'passphrase');
    next = await place.create('next', '--no-passphrase');
    mkdirSync(place.repository);
    await createLocalStore(place.repository);
    await back(['old']);
    await back(['old', 'next']);
    await back(['next']);
    await back([]);
  });

  it('lists which backup needs which key, newest first', async () => {
    declare({ recipients: ['old', 'next'] });
    const { status, document } = await list('orders');
    expect(status).toBe(0);
    expect(document.backups.map(({ id }) => id)).toEqual(ids.toReversed());
    expect(
      document.backups.toReversed().map(({ recipients }) => recipients.map(({ fingerprint }) => fingerprint).sort()),
    ).toEqual([[old.fingerprint], [old.fingerprint, next.fingerprint].sort(), [next.fingerprint], []]);
    expect(document.repositories[0]?.keys).toMatchObject([
      { role: 'recipient', usable: true, fingerprint: old.fingerprint, owner: 'old', expires: null },
      { role: 'recipient', usable: true, fingerprint: next.fingerprint, owner: 'next', expires: null },
    ]);
    expect(retired(document)).toEqual([false, false, false, false]);
    const walOf = (number: number, ...keys: readonly NewKeyReport[]) => ({
      files: 1,
      first: nameOf(number),
      last: nameOf(number),
      recipients: expect.toSatisfy(
        (found: readonly { fingerprint: string }[]) =>
          found
            .map(({ fingerprint }) => fingerprint)
            .toSorted()
            .join() ===
          keys
            .map(({ fingerprint }) => fingerprint)
            .toSorted()
            .join(),
      ),
      onlyRetired: false,
    });
    expect(document.wal).toMatchObject([walOf(2, old), walOf(3, old, next), walOf(4, next)]);
    expect(opens(document)).toEqual([null, null, null, true]);
    expect(await notes()).toEqual([]);
  });

  it('names in the list, in status and in the plan what only the retired key opens', async () => {
    declare({ recipients: ['next'] });
    expect(retired((await list()).document)).toEqual([true, false, false, false]);
    const note = `only the retired key ${old.fingerprint.toUpperCase()} opens in "local": ${ids[0]}, WAL ${nameOf(2)}; keep its private key as long as they are kept`;
    expect(await notes()).toEqual([note]);
    expect((await place.hoard('plan')).stdout).toContain(note);
    const { stdout } = await place.hoard('keys', 'list');
    expect(stdout).toMatch(new RegExp(`${ids[0]} .*retired keys only`));
    expect(stdout).toContain(
      `! 1 backup and 1 WAL file can be opened by retired keys only: keep the private keys of ${old.fingerprint.toUpperCase()}\n`,
    );
  });

  it('says everything encrypted is a retired key’s once encryption is declared no more', async () => {
    place.write(encryptedPolicies(''));
    expect(retired((await list()).document)).toEqual([true, true, true, false]);
    expect(await notes()).toHaveLength(3);
  });

  it('a recipient that cannot be read makes nothing fail, and claims nothing', async () => {
    declare({ recipients: ['gone', 'next'] });
    const { status, document } = await list();
    expect(status).toBe(0);
    expect(retired(document)).toEqual([null, false, false, false]);
    expect(document.wal.map(({ onlyRetired }) => onlyRetired)).toEqual([null, false, false]);
    expect(document.repositories[0]?.keys[0]).toMatchObject({ usable: false, fingerprint: null });
    const found = await notes();
    expect(found).toEqual([
      expect.stringMatching(
        /^a recipient of repository "local" cannot be encrypted to: .*gone\.pub\.asc does not exist/,
      ),
    ]);
    expect((await place.hoard('plan')).status).toBe(0);
    expect(await check()).toMatchObject({
      status: 12,
      steps: [{ name: 'recipient', code: 'secret.unavailable' }, { state: 'ok' }],
    });
  });

  it('says what the private key that is declared here opens', async () => {
    declare({ recipients: ['next'], privateKey: 'next' });
    expect(opens((await list()).document)).toEqual([false, true, true, true]);
    expect((await check()).status).toBe(0);
    declare({ recipients: ['next'], privateKey: 'old', passphrase: 'passphrase' });
    expect(opens((await list()).document)).toEqual([true, true, false, true]);
    expect((await place.hoard('keys', 'list')).stdout).toContain('do not open 1 backup and 1 WAL file\n');
    writeFileSync(inFolder('both.key.asc'), read('old.key.asc') + read('next.key.asc'));
    giveToServer(place.folder);
    declare({ recipients: ['next'], privateKey: 'both', passphrase: 'passphrase' });
    expect(opens((await list()).document)).toEqual([true, true, true, true]);
    expect((await check()).status).toBe(0);
  });

  it('a private key that is not here is no error, and one that cannot be used is', async () => {
    declare({ recipients: ['next'], privateKey: 'elsewhere' });
    const { status, document } = await list();
    expect(status).toBe(0);
    expect(opens(document)).toEqual([null, null, null, true]);
    expect(await check()).toMatchObject({
      status: 0,
      steps: [{ state: 'ok' }, { name: 'private-key', state: 'warning' }],
    });

    declare({ recipients: ['old'], privateKey: 'old' });
    expect(await check()).toMatchObject({
      status: 12,
      steps: [{ state: 'ok' }, { name: 'private-key', code: 'key.passphrase' }],
    });
    declare({ recipients: ['next'], privateKey: 'old', passphrase: 'passphrase' });
    expect(await check()).toMatchObject({
      status: 12,
      steps: [{ state: 'ok' }, { name: 'private-key', code: 'key.missing' }],
    });
  });

  it('a further key of the file that the passphrase does not open is told by check', async () => {
    writeFileSync(inFolder('another'), 'another passphrase\n');
    giveToServer(place.folder);
    await place.create('other', '--passphrase-file', 'another');
    writeFileSync(inFolder('both.key.asc'), read('next.key.asc') + read('other.key.asc'));
    giveToServer(place.folder);
    declare({ recipients: ['next'], privateKey: 'both', passphrase: 'passphrase' });
    expect(await check()).toMatchObject({
      status: 0,
      steps: [
        { name: 'recipient', state: 'ok' },
        { name: 'private-key', state: 'ok' },
        {
          name: 'private-key',
          state: 'warning',
          message: expect.stringMatching(/^the passphrase does not open key .*other/),
        },
      ],
    });
    expect(opens((await list()).document)).toEqual([false, true, true, true]);
  });

  it('check proves recipients and signers, and warns a month before a key expires', async () => {
    await place.create('soon', '--no-passphrase', '--expires', '29d');
    await place.create('later', '--no-passphrase', '--expires', '40d');
    declare({ recipients: ['soon', 'later'], signing: 'next', trustedSigners: ['next'] });
    const proven = await check();
    expect(proven.status).toBe(0);
    expect(proven.steps.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'recipient ok',
      'recipient ok',
      'signing-key ok',
      'trusted-signer ok',
      'key-expiry warning',
    ]);
    declare({ recipients: ['next'], signing: 'next', trustedSigners: ['soon'] });
    const untrusted = await check();
    expect(untrusted.status).toBe(12);
    expect(untrusted.steps[1]).toMatchObject({
      name: 'signing-key',
      message: expect.stringContaining('none of the trusted signers'),
    });
    declare({ recipients: ['next'], signing: 'old', trustedSigners: ['old'] });
    expect((await check()).steps[1]).toMatchObject({ name: 'signing-key', code: 'key.passphrase' });
  });

  it('a repository that cannot be read leaves the keys, and ends with 3', async () => {
    declare({ recipients: ['next'] });
    const marker = path.join(place.repository, 'hoard.json');
    const kept = readFileSync(marker);
    rmSync(marker);
    writeFileSync(marker, '{}');
    try {
      const { status, document, stderr } = await list();
      expect(status).toBe(3);
      expect(stderr).toContain('warning: repository "local" of site "orders" could not be read');
      expect(document.repositories[0]?.keys).toHaveLength(1);
      expect(document.backups).toEqual([]);
    } finally {
      rmSync(marker);
      writeFileSync(marker, kept);
      giveToServer(place.folder);
    }
  });
});
