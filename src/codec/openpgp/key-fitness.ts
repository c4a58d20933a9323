import type { Key, Subkey } from 'openpgp';
import { describeKey, type KeyText, reasonOf, unusable } from './read-keys.ts';

/** The (sub)key that is encrypted to at the time. Throws `key.unusable` with the reason: expired, revoked, or for signing only. */
export async function encryptionKeyOf(key: Key, source: KeyText, at: Date): Promise<Key | Subkey> {
  try {
    return await key.getEncryptionKey(undefined, at);
  } catch (error) {
    const why = await whyUnfit(key, at, 'cannot be encrypted to', error);
    throw unusable(
      source,
      `holds ${describeKey(key)}, which ${why}`,
      'declare a key that is valid and can encrypt; hoard keys create makes one',
      error,
    );
  }
}

/** The (sub)key that signs at the time. Throws `key.unusable`. */
export async function signingKeyOf(key: Key, source: KeyText, at: Date): Promise<Key | Subkey> {
  try {
    return await key.getSigningKey(undefined, at);
  } catch (error) {
    const why = await whyUnfit(key, at, 'cannot sign', error);
    throw unusable(
      source,
      `holds ${describeKey(key)}, which ${why}`,
      'declare a key that is valid and can sign; hoard keys create makes one',
      error,
    );
  }
}

async function whyUnfit(key: Key, at: Date, otherwise: string, error: unknown): Promise<string> {
  if (await key.isRevoked(undefined, undefined, at)) return 'was revoked';
  const expired = (await expiryOf(key)).find((time) => time <= at);
  if (expired) return `expired on ${expired.toISOString().slice(0, 10)}`;
  return `${otherwise}: ${reasonOf(error)}`;
}

/** When the key and its subkeys expire, as far as they do. */
async function expiryOf(key: Key): Promise<readonly Date[]> {
  const times = await Promise.all([
    key.getExpirationTime(),
    ...key.subkeys.map((subkey) => subkey.getExpirationTime().catch(() => null)),
  ]);
  return times.filter((time) => time instanceof Date);
}
