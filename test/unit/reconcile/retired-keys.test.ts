import { describe, expect, it } from 'vitest';
import { type DesiredRepository, repositoryName } from '../../../src/domain/desired.ts';
import { createSecretResolver } from '../../../src/policy/secret-resolver.ts';
import { createKeyNotes } from '../../../src/reconcile/retired-keys.ts';
import { createSystemEffects } from '../../../src/telemetry/system-effects.ts';
import { backup } from '../../support/observed-repository.ts';
import { createRecorder } from '../../support/recorder.ts';
import { calm } from '../../support/temporary-repository.ts';

const REPOSITORY: DesiredRepository = {
  name: repositoryName('main'),
  storage: { type: 'local', directory: '/nowhere' },
  prefix: '',
  compression: { algorithm: 'zstd', level: 3 },
};

const context = (environment: Readonly<Record<string, string>>) => ({
  effects: createSystemEffects({ environment, reporter: createRecorder(), signal: calm() }),
  secrets: createSecretResolver(environment),
  toolVersion: '0.1.0',
});

const KEY = 'a1'.repeat(20);
const LOST = Array.from({ length: 12 }, (_, index) => ({
  ...backup({ id: `b${index}`, start: 1, stop: 2, time: 1 }),
  encryption: { recipients: [{ fingerprint: KEY, encryptionKey: 'b2'.repeat(20) }] },
}));

const WAL = [
  {
    keyIds: ['b2'.repeat(8)],
    files: 40,
    first: '000000010000000000000001',
    last: '000000020000000000000028',
  },
  // Of these nothing is known, which is said.
  { keyIds: undefined, files: 2, first: '000000020000000000000029', last: '00000002000000000000002A' },
];

const UNKNOWN =
  'whom 2 WAL files from 000000020000000000000029 to 00000002000000000000002A in "main" are encrypted to could not be read: whether a retired key is needed is not known; keep the private keys of all former recipients';

describe('notes on keys', () => {
  it('name so many backups that a status stays readable, and count the rest', async () => {
    expect(await createKeyNotes(context({}))(REPOSITORY, { backups: LOST, walRecipients: WAL })).toEqual([
      `only the retired key ${KEY.toUpperCase()} opens in "main": b0, b1, b2, b3, b4, b5, b6, b7, b8, b9 and 2 more (hoard keys list), 40 WAL files from 000000010000000000000001 to 000000020000000000000028; keep its private key as long as they are kept`,
      UNKNOWN,
    ]);
  });

  it('claim nothing where the recipients cannot be read, and say why', async () => {
    const encryption = {
      recipients: [{ kind: 'env', name: 'BROKEN' }],
      privateKey: undefined,
      passphrase: undefined,
      signing: undefined,
      trustedSigners: [],
    } as const;
    const notes = createKeyNotes(context({ BROKEN: 'no key at all' }));
    expect(await notes({ ...REPOSITORY, encryption }, { backups: LOST, walRecipients: WAL })).toEqual([
      'a recipient of repository "main" cannot be encrypted to: environment variable BROKEN holds no OpenPGP key in ASCII armor',
      UNKNOWN,
    ]);
  });

  it('are none where nothing is encrypted', async () => {
    const plain = [backup({ start: 1, stop: 2, time: 1 })];
    expect(await createKeyNotes(context({}))(REPOSITORY, { backups: plain, walRecipients: [] })).toEqual([]);
  });
});
