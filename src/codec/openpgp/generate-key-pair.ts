import type { Duration } from '../../domain/duration.ts';
import { Failure } from '../../domain/failure.ts';
import { type Instant, instant } from '../../domain/instant.ts';
import { expiryOf } from './key-fitness.ts';

export interface KeyRequest {
  /** Whose key it is: the name that GnuPG shows. */
  readonly owner: string;
  readonly algorithm: KeyAlgorithm;
  /** Protects the private key; undefined: nothing does. */
  readonly passphrase: string | undefined;
  /** How long it can be encrypted to; undefined: for ever. */
  readonly validFor: Duration | undefined;
  readonly now: Date;
}

/** `curve25519`: Ed25519 that certifies and signs, and X25519 that decrypts. */
export type KeyAlgorithm = { readonly type: 'curve25519' } | { readonly type: 'rsa'; readonly bits: 3072 | 4096 };

export interface KeyPair {
  /** In lower-case hexadecimal. */
  readonly fingerprint: string;
  /** In ASCII armor. */
  readonly publicKey: string;
  readonly privateKey: string;
  /** Undefined: never. */
  readonly expires: Instant | undefined;
}

// A version 4 key says so in 32 bits of seconds after its creation (RFC 9580, section 5.2.3.13).
const LONGEST_VALIDITY_SECONDS = 2 ** 32 - 1;

/**
 * A primary key that certifies and signs, with a subkey that is encrypted to. Of version 4, and on the curves as they were before RFC 9580:
 * GnuPG 2.2 reads nothing newer. Throws `value.invalid`.
 */
export async function generateKeyPair({ owner, algorithm, passphrase, validFor, now }: KeyRequest): Promise<KeyPair> {
  const { generateKey } = await import('openpgp');
  const seconds = validFor === undefined ? undefined : Math.ceil(validFor / 1000);
  if (seconds !== undefined && seconds > LONGEST_VALIDITY_SECONDS) {
    throw new Failure('value.invalid', {
      message: 'a key cannot expire later than in 136 years: leave the expiry out',
    });
  }
  const { privateKey, publicKey } = await generateKey({
    ...(algorithm.type === 'rsa'
      ? { type: 'rsa', rsaBits: algorithm.bits }
      : { type: 'ecc', curve: 'curve25519Legacy' }),
    userIDs: [{ name: owner }],
    ...(passphrase !== undefined && { passphrase }),
    ...(seconds !== undefined && { keyExpirationTime: seconds }),
    date: now,
    format: 'object',
    config: { v6Keys: false },
  });
  const expires = await expiryOf(publicKey, undefined);
  return {
    fingerprint: publicKey.getFingerprint(),
    publicKey: publicKey.armor(),
    privateKey: privateKey.armor(),
    expires: expires && instant(expires.getTime()),
  };
}
