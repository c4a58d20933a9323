import type { Encryptor, Trust } from '../codec/encryption.ts';
import { Failure } from '../domain/failure.ts';
import type { KeyReference } from '../domain/observed.ts';
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
  /** Who can open what is written, each alone; none where it is not encrypted. */
  readonly recipients: readonly KeyReference[];
  /** The stored bytes of the object that will lie under `key`. `tap` sees the compressed bytes before they are encrypted. */
  encode(plain: AsyncIterable<Uint8Array>, key: string, tap?: Tap): AsyncIterable<Uint8Array>;
  /** As encode, of what can be read twice: where it is encrypted, it has a known size and ends with the sum of its stored bytes. */
  seal(open: () => AsyncIterable<Uint8Array>, key: string): Promise<SealedObject>;
}

interface SealedObject {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly size?: number;
}

/** Throws `key.unusable` where something is declared that cannot be encrypted to. */
export async function objectWriter(repo: SiteRepository, protection: Protection): Promise<ObjectWriter> {
  const encryptor = await repo.encryptor?.();
  const codec = repo.codec.name;
  const protect = encryptor && protector(encryptor, protection);
  if (encryptor === undefined || protect === undefined)
    return {
      form: { codec, message: false },
      recipients: [],
      encode: (plain) => repo.codec.encodeStream(plain),
      seal: (open) => Promise.resolve({ bytes: repo.codec.encodeStream(open()) }),
    };
  const encode: ObjectWriter['encode'] = (plain, key, tap = asIs) => protect(tap(repo.codec.encodeStream(plain)), key);
  if (protection === 'sign')
    return {
      form: { codec, message: true },
      recipients: [],
      encode,
      seal: (open, key) => Promise.resolve({ bytes: encode(open(), key) }),
    };
  return {
    form: { codec, message: true },
    recipients: encryptor.recipients,
    encode,
    seal: (open, key) => encryptor.seal(() => repo.codec.encodeStream(open()), key),
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
