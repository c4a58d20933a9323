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
  const ends = await Promise.all([expiryOf(key, undefined), ...key.subkeys.map((subkey) => expiryOf(key, subkey))]);
  const expired = ends.find((time) => time !== undefined && time <= at);
  if (expired) return `expired on ${expired.toISOString().slice(0, 10)}`;
  return `${otherwise}: ${reasonOf(error)}`;
}

/** When the key and that part of it are used for the last time; undefined where they never expire. */
export async function expiryOf(key: Key, used: Key | Subkey | undefined): Promise<Date | undefined> {
  const times = await Promise.all([
    key.getExpirationTime(),
    // A key that is its own part has been asked; a part that is not valid at all has no such time.
    used === undefined || used === key ? null : (used as Subkey).getExpirationTime().catch(() => null),
  ]);
  return times.filter((time) => time instanceof Date).sort((a, b) => a.getTime() - b.getTime())[0];
}
