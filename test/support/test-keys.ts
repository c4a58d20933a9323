import { generateKey } from 'openpgp';
import { createDecryptor } from '../../src/codec/openpgp/create-decryptor.ts';
import { createEncryptor } from '../../src/codec/openpgp/create-encryptor.ts';
import { type KeyText, readPublicKeys } from '../../src/codec/openpgp/read-keys.ts';
import { unlockKeys } from '../../src/codec/openpgp/unlock-key.ts';
import type { SiteRepository } from '../../src/repository/site-repository.ts';

export interface TestKey {
  readonly name: string;
  readonly publicKey: string;
  readonly privateKey: string;
  readonly passphrase: string | undefined;
}

/** A key pair of the kind that hoard makes. */
export async function testKey(
  name: string,
  options: {
    readonly passphrase?: string;
    readonly expiresIn?: number;
    readonly made?: Date;
    readonly type?: 'rsa';
  } = {},
): Promise<TestKey> {
  const { passphrase, expiresIn, made, type } = options;
  const { publicKey, privateKey } = await generateKey({
    userIDs: [{ name }],
    ...(type === 'rsa' ? { type, rsaBits: 2048 } : { type: 'ecc', curve: 'curve25519Legacy' }),
    ...(passphrase !== undefined && { passphrase }),
    ...(expiresIn !== undefined && { keyExpirationTime: expiresIn }),
    ...(made !== undefined && { date: made }),
  });
  return { name, publicKey, privateKey, passphrase };
}

const publicText = ({ name, publicKey }: TestKey): KeyText => ({ text: publicKey, where: `file ${name}.pub.asc` });
const lockedText = ({ name, privateKey, passphrase }: TestKey) => ({
  text: privateKey,
  where: `file ${name}.key.asc`,
  passphrase,
});

export const encryptorFor = (
  recipients: readonly TestKey[],
  signing?: TestKey,
  now = new Date(),
): ReturnType<typeof createEncryptor> =>
  createEncryptor({ recipients: recipients.map(publicText), signing: signing && lockedText(signing) }, () => now);

export const decryptorFor = (
  owners: readonly TestKey[],
  trusted?: readonly TestKey[],
): ReturnType<typeof createDecryptor> =>
  createDecryptor({
    privateKeys: async () => (await Promise.all(owners.map((owner) => unlockKeys(lockedText(owner))))).flat(),
    signers: trusted && (async () => (await Promise.all(trusted.map((key) => readPublicKeys(publicText(key))))).flat()),
  });

/** What a repository is opened with. `owners` are those whose private keys are there. */
export function testEncryption(parts: {
  readonly recipients: readonly TestKey[];
  readonly owners: readonly TestKey[];
  readonly signing?: TestKey;
  readonly trusted?: readonly TestKey[];
}): Required<Pick<SiteRepository, 'encryptor' | 'decryptor'>> {
  let encryptor: ReturnType<typeof encryptorFor> | undefined;
  return {
    encryptor: () => (encryptor ??= encryptorFor(parts.recipients, parts.signing)),
    decryptor: decryptorFor(parts.owners, parts.trusted),
  };
}
