import type { Encryptor, Trust } from '../codec/encryption.ts';
import { Failure } from '../domain/failure.ts';
import { openCodecOf } from './codecs.ts';
import type { StoredForm } from './layout.ts';
import type { SiteRepository } from './site-repository.ts';

/**
 * What is done with an object where encryption is declared. What planning must read with public keys alone is not secret: it is signed, where
 * there is a signer, and else left as it is.
 */
export type Protection = 'encrypt' | 'sign';

type Tap = (compressed: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

/** How new objects of a repository are written. */
export interface ObjectWriter {
  readonly form: StoredForm;
  /** The stored bytes of the object that will lie under `key`. `tap` sees the compressed bytes before they are encrypted. */
  encode(plain: AsyncIterable<Uint8Array>, key: string, tap?: Tap): AsyncIterable<Uint8Array>;
}

/** Throws `key.unusable` where something is declared that cannot be encrypted to. */
export async function objectWriter(repo: SiteRepository, protection: Protection): Promise<ObjectWriter> {
  const encryptor = await repo.encryptor?.();
  const codec = repo.codec.name;
  const protect = encryptor && protector(encryptor, protection);
  if (protect === undefined)
    return { form: { codec, message: false }, encode: (plain) => repo.codec.encodeStream(plain) };
  return {
    form: { codec, message: true },
    encode: (plain, key, tap = asIs) => protect(tap(repo.codec.encodeStream(plain)), key),
  };
}

const asIs: Tap = (compressed) => compressed;

type Protect = (content: AsyncIterable<Uint8Array>, name: string) => AsyncIterable<Uint8Array>;

function protector(encryptor: Encryptor, protection: Protection): Protect | undefined {
  if (protection === 'encrypt') return (content, name) => encryptor.encrypt(content, name);
  return encryptor.signer === undefined ? undefined : (content, name) => encryptor.sign(content, name);
}

/** From stored bytes to plain content. Nothing of it may be used before the iteration has ended. */
export type ObjectReader = (stored: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

/**
 * How an object is read. Throws what can be said before it is opened: `object.untrusted` where a trusted signature is asked for and there can be
 * none, `policy.unsupported` for a form of a newer version. Reading throws `object.corrupt` where the form is not kept, `object.untrusted`,
 * `key.missing` and the like.
 */
export function objectReader(
  repo: SiteRepository,
  form: StoredForm | undefined,
  key: string,
  trust: Trust = 'required',
): ObjectReader {
  const codec = openCodecOf(form?.codec, key);
  if (form?.message === true) return (stored) => codec.decodeStream(repo.decryptor.decrypt(stored, key, trust));
  if (trust === 'required' && repo.decryptor.requiresSignature) {
    throw new Failure('object.untrusted', {
      message: `${key} cannot be trusted: it bears no signature, and trusted signers are declared`,
      hint: 'what was stored before signing was declared can be read without spec.encryption.trustedSigners',
    });
  }
  return (stored) => codec.decodeStream(stored);
}
