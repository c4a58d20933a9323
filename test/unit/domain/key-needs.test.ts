import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/domain/failure.ts';
import { type DeclaredKeys, type KeyRole, keyNeedOf, retiredNeeds } from '../../../src/domain/key-needs.ts';
import type { StoredBackup } from '../../../src/domain/observed.ts';
import { backup } from '../../support/observed-repository.ts';

/** Key `n` has the fingerprint `n` and one subkey `n-encrypts`. */
const encryptedTo = (id: string, ...keys: readonly string[]): StoredBackup => ({
  ...backup({ id, start: 1, stop: 2, time: 1 }),
  encryption: { recipients: keys.map((key) => ({ fingerprint: key, encryptionKey: `${key}-encrypts` })) },
});

const declared = (role: KeyRole, ...keys: readonly string[]): DeclaredKeys => ({
  role,
  where: 'a test',
  keys: keys.map((key) => ({
    fingerprint: key,
    owner: undefined,
    parts: [key, `${key}-encrypts`],
    expires: undefined,
  })),
  failure: undefined,
});

const unread = (role: KeyRole): DeclaredKeys => ({
  ...declared(role),
  failure: new Failure('secret.unavailable', { message: 'a test' }),
});

describe('what a backup needs', () => {
  it.each<[string, StoredBackup, readonly DeclaredKeys[], boolean | undefined, boolean | undefined]>([
    ['no encryption', backup({ start: 1, stop: 2, time: 1 }), [], false, true],
    ['one of two recipients declared', encryptedTo('a', 'k', 'l'), [declared('recipient', 'l')], false, undefined],
    ['none declared', encryptedTo('a', 'k'), [declared('recipient', 'l')], true, undefined],
    ['no encryption declared any more', encryptedTo('a', 'k'), [], true, undefined],
    [
      'another that cannot be read',
      encryptedTo('a', 'k'),
      [unread('recipient'), declared('recipient', 'l')],
      undefined,
      undefined,
    ],
    [
      'declared beside one that cannot be read',
      encryptedTo('a', 'k'),
      [unread('recipient'), declared('recipient', 'k')],
      false,
      undefined,
    ],
    [
      'declared for signing only',
      encryptedTo('a', 'k'),
      [declared('signing', 'k'), declared('trusted-signer', 'k')],
      true,
      undefined,
    ],
    [
      'its private key here',
      encryptedTo('a', 'k'),
      [declared('recipient', 'l'), declared('private-key', 'k')],
      true,
      true,
    ],
    [
      'another private key here',
      encryptedTo('a', 'k'),
      [declared('recipient', 'k'), declared('private-key', 'l')],
      false,
      false,
    ],
    [
      'a private key that cannot be read',
      encryptedTo('a', 'k'),
      [declared('recipient', 'k'), unread('private-key')],
      false,
      undefined,
    ],
  ])('%s', (_, stored, keys, retired, opensHere) => {
    expect(keyNeedOf(stored, keys)).toMatchObject({ retired, opensHere });
  });

  it('is the subkey that was encrypted to: the same owner with another one does not open it', () => {
    const renewed = { ...declared('recipient', 'k') };
    const keys = [{ ...renewed, keys: renewed.keys.map((key) => ({ ...key, parts: ['k', 'k-new'] })) }];
    expect(keyNeedOf(encryptedTo('a', 'k'), keys).retired).toBe(true);
  });
});

describe('what only retired keys open', () => {
  it('is grouped by keys in the order of the backups', () => {
    const backups = [
      encryptedTo('1', 'a'),
      encryptedTo('2', 'b', 'a'),
      encryptedTo('3', 'a'),
      encryptedTo('4', 'a', 'c'),
    ];
    expect(retiredNeeds({ backups, walRecipients: [] }, [declared('recipient', 'c')])).toEqual([
      { keys: ['a'], backups: ['1', '3'], wal: undefined },
      { keys: ['a', 'b'], backups: ['2'], wal: undefined },
    ]);
  });

  it('joins the WAL of a key with its backups, and names keys that no backup tells of by their ids', () => {
    const full = 'a'.repeat(24);
    const backups = [encryptedTo('1', full)];
    const idOf = (key: string): string => `${key}-encrypts`.slice(-16);
    const wal = (first: string, last: string, files: number, ...keyIds: readonly string[]) => ({
      keyIds,
      files,
      first,
      last,
    });
    const walRecipients = [
      wal('01', '04', 4, idOf(full)),
      wal('05', '06', 2, idOf(full), idOf('c')),
      wal('07', '09', 3, 'x'),
      wal('0A', '0B', 1, idOf(full)),
      { keyIds: undefined, files: 9, first: '0C', last: '0D' },
    ];
    expect(retiredNeeds({ backups, walRecipients }, [declared('recipient', 'c')])).toEqual([
      { keys: [full], backups: ['1'], wal: { files: 5, first: '01', last: '0B' } },
      { keys: ['x'], backups: [], wal: { files: 3, first: '07', last: '09' } },
    ]);
    const unknown = retiredNeeds({ backups: [], walRecipients }, [unread('recipient'), declared('recipient', 'c')]);
    expect(unknown).toEqual([]);
  });

  it('names each such backup once, and no other, whatever is declared', () => {
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(names, { maxLength: 12 }), names, (histories, present) => {
        const backups = histories.map((keys, index) =>
          keys.length === 0 ? backup({ id: `${index}`, start: 1, stop: 2, time: 1 }) : encryptedTo(`${index}`, ...keys),
        );
        const named = retiredNeeds({ backups, walRecipients: [] }, [declared('recipient', ...present)]).flatMap(
          (need) => need.backups,
        );
        // Without any key the reference counts as one that could not be read.
        const lost = histories.flatMap((keys, index) =>
          keys.length > 0 && keys.every((key) => !present.includes(key)) && present.length > 0 ? [`${index}`] : [],
        );
        expect(named.toSorted()).toEqual(lost.toSorted());
      }),
    );
  });
});
