import { randomBytes } from 'node:crypto';
import type { Key, PrivateKey, PublicKey } from 'openpgp';
import type { KeyReference } from '../../domain/observed.ts';
import type { Encryptor, PackKey } from '../encryption.ts';
import { encryptionKeyOf, signingKeyOf } from './key-fitness.ts';
import { literalOf } from './literal.ts';
import { objectNotation } from './object-notation.ts';
import { encryptStream, SESSION_KEY_BYTES } from './protected-data.ts';
import { type KeyText, readPublicKeys } from './read-keys.ts';
import { sealMessage } from './seal-message.ts';
import { type LockedKeys, unlockKeys } from './unlock-key.ts';
import { toWebStream } from './web-stream.ts';

/** Which keys a repository is written with. */
export interface EncryptorKeys {
  readonly recipients: readonly KeyText[];
  /** Signs what is written. Where there are several in the file, the first one. */
  readonly signing: LockedKeys | undefined;
}

/** Checks all keys first: nothing is written to a key that nobody may use any more. Throws `key.unusable`, `key.passphrase`. */
export async function createEncryptor(keys: EncryptorKeys, clock: () => Date): Promise<Encryptor> {
  const now = clock();
  const targets = (await Promise.all(keys.recipients.map((source) => targetsOf(source, now)))).flat();
  const signer = keys.signing && (await signerOf(keys.signing, now));
  const recipients = distinct(targets.map(({ recipient }) => recipient));
  const encryptionKeys = targets.map(({ key }) => key);
  const newKey = async (): Promise<PackKey> => {
    const { encryptSessionKey } = await import('openpgp');
    const sessionKey = randomBytes(SESSION_KEY_BYTES);
    const header = await encryptSessionKey({
      data: sessionKey,
      algorithm: 'aes256',
      encryptionKeys,
      date: clock(),
      format: 'binary',
    });
    return { header, sessionKey };
  };
  const sign = (content: AsyncIterable<Uint8Array>, name: string): AsyncIterable<Uint8Array> =>
    signer === undefined ? literalOf(content) : signed(content, name, signer, clock());
  return {
    recipients,
    signer: signer?.getFingerprint(),
    newPackKey: newKey,
    sign,
    async *encrypt(content, name) {
      const { header, sessionKey } = await newKey();
      yield header;
      yield* encryptStream(sessionKey, sign(content, name));
    },
    seal: async (open, name) => sealMessage(await newKey(), open, (content) => sign(content, name)),
  };
}

async function targetsOf(
  source: KeyText,
  now: Date,
): Promise<readonly { readonly key: PublicKey; readonly recipient: KeyReference }[]> {
  const keys = await readPublicKeys(source);
  return Promise.all(
    keys.map(async (key) => {
      const encryptionKey = await encryptionKeyOf(key, source, now);
      const recipient = { fingerprint: key.getFingerprint(), encryptionKey: encryptionKey.getFingerprint() };
      return { key: key.toPublic(), recipient };
    }),
  );
}

function distinct(recipients: readonly KeyReference[]): readonly KeyReference[] {
  const byKey = new Map(recipients.map((recipient) => [recipient.encryptionKey, recipient]));
  return [...byKey.values()].sort((a, b) => (a.encryptionKey < b.encryptionKey ? -1 : 1));
}

async function signerOf(source: LockedKeys, now: Date): Promise<PrivateKey> {
  const [key] = await unlockKeys(source);
  await signingKeyOf(key as Key, source, now);
  return key as PrivateKey;
}

/** A one-pass signature, the content, the signature: `gpg --decrypt` shows it. */
async function* signed(
  content: AsyncIterable<Uint8Array>,
  name: string,
  signer: PrivateKey,
  date: Date,
): AsyncGenerator<Uint8Array> {
  const { createMessage, sign } = await import('openpgp');
  const stream = await sign({
    message: await createMessage({ binary: toWebStream(content), format: 'binary' }),
    signingKeys: signer,
    signatureNotations: objectNotation(name),
    date,
    format: 'binary',
  });
  yield* stream;
}
