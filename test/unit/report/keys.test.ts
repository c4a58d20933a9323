import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/domain/failure.ts';
import type { DeclaredKeys, KeyRole } from '../../../src/domain/key-needs.ts';
import type { StoredBackup, WalRecipients } from '../../../src/domain/observed.ts';
import { renderKeysHuman } from '../../../src/report/keys-human.ts';
import { renderKeysDocument } from '../../../src/report/keys-json.ts';
import { renderNewKeyHuman } from '../../../src/report/new-key-human.ts';
import { backup, hour } from '../../support/observed-repository.ts';
import { reportErrors } from '../../support/validate-report.ts';

const OLD = 'a1'.repeat(20);
const NEW = 'b2'.repeat(20);
const SIGNER = 'c3'.repeat(20);
const subkeyOf = (fingerprint: string): string => fingerprint.replaceAll(/\d/g, '9');

const declared = (role: KeyRole, fingerprint: string, owner: string, expires?: number): DeclaredKeys => ({
  role,
  where: `file /etc/hoard/${owner}.${role === 'private-key' || role === 'signing' ? 'key' : 'pub'}.asc`,
  keys: [
    {
      fingerprint,
      owner,
      parts: [fingerprint, subkeyOf(fingerprint)],
      expires: expires === undefined ? undefined : hour(expires),
    },
  ],
  failure: undefined,
});

const encryptedTo = (time: number, ...keys: readonly string[]): StoredBackup => ({
  ...backup({ start: time, stop: time + 0.5, time }),
  ...(keys.length > 0 && {
    encryption: {
      recipients: keys.map((fingerprint) => ({ fingerprint, encryptionKey: subkeyOf(fingerprint) })),
      signer: SIGNER,
    },
  }),
});

const GONE: DeclaredKeys = {
  role: 'recipient',
  where: 'file /etc/hoard/gone.pub.asc',
  keys: [],
  failure: new Failure('secret.unavailable', { message: 'file /etc/hoard/gone.pub.asc does not exist' }),
};

const STORED = [encryptedTo(1), encryptedTo(2, OLD), encryptedTo(3, OLD, NEW), encryptedTo(4, NEW)];

const segmentOf = (number: number): string => `0000000100000000${number.toString(16).toUpperCase().padStart(8, '0')}`;
const walOf = (first: number, files: number, ...keyIds: readonly string[]): WalRecipients => ({
  keyIds: keyIds.length === 0 ? undefined : keyIds,
  files,
  first: segmentOf(first),
  last: segmentOf(first + files - 1),
});
const keyIdOf = (fingerprint: string): string => subkeyOf(fingerprint).slice(-16);

const WAL = [
  walOf(1, 400, keyIdOf(OLD)),
  walOf(401, 20, keyIdOf(OLD), keyIdOf(NEW)),
  walOf(421, 1, 'f'.repeat(16)),
  walOf(422, 3),
];

const view = (keys: readonly DeclaredKeys[]) => [
  { name: 'main', encrypted: true, keys, stored: [{ site: 'orders', backups: STORED, walRecipients: WAL }] },
  { name: 'spare', encrypted: false, keys: [], stored: [] },
];

const AFTER_ROTATION = renderKeysDocument(
  view([
    declared('recipient', NEW, 'next', 9000),
    declared('signing', SIGNER, 'db1'),
    declared('trusted-signer', SIGNER, 'db1'),
    declared('private-key', NEW, 'next'),
  ]),
);
const WITH_UNREADABLE = renderKeysDocument(view([declared('recipient', NEW, 'next'), GONE]));

const PLAIN = { color: false, now: hour(31) } as const;

describe('keys list', () => {
  it('is the document of the published schema', async () => {
    expect(reportErrors('keys', AFTER_ROTATION)).toEqual([]);
    await expect(`${JSON.stringify(AFTER_ROTATION, null, 2)}\n`).toMatchFileSnapshot('golden/keys.json.txt');
  });

  it('shows people what is declared, then what it opens', async () => {
    await expect(renderKeysHuman(AFTER_ROTATION, PLAIN)).toMatchFileSnapshot('golden/keys.txt');
  });

  it('claims nothing of what it could not read', async () => {
    expect(reportErrors('keys', WITH_UNREADABLE)).toEqual([]);
    expect(WITH_UNREADABLE.backups.map(({ onlyRetired }) => onlyRetired)).toEqual([false, false, null, false]);
    expect(WITH_UNREADABLE.wal.map(({ onlyRetired }) => onlyRetired)).toEqual([null, false, null, null]);
    await expect(renderKeysHuman(WITH_UNREADABLE, PLAIN)).toMatchFileSnapshot('golden/keys-unreadable.txt');
  });
});

describe('keys create', () => {
  const key = {
    formatVersion: '1.0',
    owner: 'prod',
    fingerprint: NEW,
    algorithm: 'curve25519',
    expires: null,
    protected: true,
    publicKeyFile: '/home/dba/my keys/prod.pub.asc',
    privateKeyFile: '/home/dba/my keys/prod.key.asc',
  } as const;

  it('says what to declare, with where the passphrase comes from', async () => {
    expect(reportErrors('new-key', key)).toEqual([]);
    const text = renderNewKeyHuman(key, { color: false, passphrase: { kind: 'env', name: 'PROD_PASSPHRASE' } });
    await expect(text).toMatchFileSnapshot('golden/new-key.txt');
  });

  it('says when it expires, and that nothing protects it', async () => {
    const short = { ...key, expires: '2027-01-01T00:00:00.000Z', protected: false };
    expect(reportErrors('new-key', short)).toEqual([]);
    const text = renderNewKeyHuman(short, { color: false, passphrase: undefined });
    await expect(text).toMatchFileSnapshot('golden/new-key-unprotected.txt');
  });
});
