import type { Key, PrivateKey, Subkey } from 'openpgp';
import { instant } from '../../domain/instant.ts';
import type { KeyFacts } from '../../domain/key-needs.ts';
import { expiryOf } from './key-fitness.ts';

/** What is told of a key. `used` is the part of it that does its work, where it has one. */
export async function factsOf(key: Key, used: Key | Subkey | undefined): Promise<KeyFacts> {
  const expires = await expiryOf(key, used);
  return {
    fingerprint: key.getFingerprint(),
    owner: key.getUserIDs()[0],
    parts: key.getKeys().map((part) => part.getFingerprint()),
    expires: expires && instant(expires.getTime()),
  };
}

/** Of an unlocked private key: its parts are those that open what is encrypted to them, also after the key has expired. */
export async function decryptingFactsOf(key: PrivateKey): Promise<KeyFacts> {
  // A key of another kind, or one whose secret part is kept elsewhere, opens nothing: that is no error.
  const parts = await key.getDecryptionKeys(undefined, null).catch((): readonly (Key | Subkey)[] => []);
  const facts = await factsOf(key, undefined);
  return { ...facts, parts: parts.map((part) => part.getFingerprint()) };
}
