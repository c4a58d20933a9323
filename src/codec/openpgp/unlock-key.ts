import type { PrivateKey } from 'openpgp';
import { Failure } from '../../domain/failure.ts';
import { describeKey, type KeyText, readPrivateKeys, reasonOf } from './read-keys.ts';

/** The passphrase of a private key as declared; `passphrase` is undefined where none is. */
export interface LockedKeys extends KeyText {
  readonly passphrase: string | undefined;
}

/**
 * Private keys ready for use. A file may hold several, of which the passphrase need not open all; `onLocked` is told of each that it does not.
 * Throws `key.passphrase` where it opens none, `key.unusable`.
 */
export async function unlockKeys(
  source: LockedKeys,
  onLocked: (why: Failure) => void = () => undefined,
): Promise<readonly PrivateKey[]> {
  const keys = await readPrivateKeys(source);
  const unlocked: PrivateKey[] = [];
  const locked: Failure[] = [];
  for (const key of keys) {
    try {
      unlocked.push(await unlock(key, source));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      locked.push(error);
    }
  }
  if (unlocked.length === 0 && locked[0]) throw locked[0];
  locked.forEach(onLocked);
  return unlocked;
}

async function unlock(privateKey: PrivateKey, { passphrase, where }: LockedKeys): Promise<PrivateKey> {
  if (privateKey.isDecrypted()) return privateKey;
  if (passphrase === undefined) {
    throw new Failure('key.passphrase', {
      message: `${where} holds ${describeKey(privateKey)}, which is protected by a passphrase, and none is declared`,
      hint: 'declare the passphrase beside the key, as a reference: { fromEnv: NAME }, { fromFile: path } or { fromExec: [command] }',
    });
  }
  const { decryptKey } = await import('openpgp');
  try {
    return await decryptKey({ privateKey, passphrase });
  } catch (error) {
    throw new Failure('key.passphrase', {
      message: `the passphrase does not open ${describeKey(privateKey)} of ${where}: ${reasonOf(error)}`,
      hint: 'check the reference of the passphrase; gpg --import and gpg --edit-key tell whether it is the right one',
      cause: error,
    });
  }
}
