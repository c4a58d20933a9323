import type { PrivateKey } from 'openpgp';
import type { Encryptor } from '../codec/encryption.ts';
import { createDecryptor } from '../codec/openpgp/create-decryptor.ts';
import type { DesiredEncryption } from '../domain/desired.ts';
import type { SecretResolver } from '../policy/secret-resolver.ts';
import type { Clock } from '../telemetry/effects.ts';
import { keyTexts } from './key-texts.ts';
import type { SiteRepository } from './site-repository.ts';

/**
 * What a repository declares of keys, ready to be asked for: nothing is read before it is needed, so that a private key, or a signing key, need
 * only be there where restores run, or backups.
 */
export function openEncryption(
  { recipients, privateKey, passphrase, signing, trustedSigners }: DesiredEncryption,
  context: { readonly secrets: SecretResolver; readonly clock: Clock; readonly signal: AbortSignal },
): Required<Pick<SiteRepository, 'encryptor' | 'decryptor'>> {
  const { secrets, clock, signal } = context;
  const { textOf, locked } = keyTexts(secrets, signal);
  let encryptor: Promise<Encryptor> | undefined;
  return {
    encryptor: () => {
      encryptor ??= (async () => {
        const { createEncryptor } = await import('../codec/openpgp/create-encryptor.ts');
        const keys = {
          recipients: await Promise.all(recipients.map(textOf)),
          signing: signing && (await locked(signing)),
        };
        return createEncryptor(keys, () => new Date(clock.now()));
      })();
      return encryptor;
    },
    decryptor: createDecryptor({
      privateKeys: async (): Promise<readonly PrivateKey[]> => {
        if (privateKey === undefined) return [];
        const { unlockKeys } = await import('../codec/openpgp/unlock-key.ts');
        return unlockKeys(await locked({ key: privateKey, passphrase }));
      },
      signers:
        trustedSigners.length === 0
          ? undefined
          : async () => {
              const { readPublicKeys } = await import('../codec/openpgp/read-keys.ts');
              const texts = await Promise.all(trustedSigners.map(textOf));
              return (await Promise.all(texts.map(readPublicKeys))).flat();
            },
    }),
  };
}
