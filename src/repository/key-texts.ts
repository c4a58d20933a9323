import type { KeyText } from '../codec/openpgp/read-keys.ts';
import type { LockedKeys } from '../codec/openpgp/unlock-key.ts';
import type { DesiredKey } from '../domain/desired.ts';
import type { SecretReference } from '../domain/secret-reference.ts';
import { describeSecretReference, type SecretResolver } from '../policy/secret-resolver.ts';

/** Reads the texts of keys where their references say, each time that it is asked. */
export interface KeyTexts {
  readonly textOf: (reference: SecretReference) => Promise<KeyText>;
  readonly locked: (key: DesiredKey) => Promise<LockedKeys>;
}

export function keyTexts(secrets: SecretResolver, signal: AbortSignal): KeyTexts {
  const textOf = async (reference: SecretReference): Promise<KeyText> => ({
    text: (await secrets.resolve(reference, signal)).reveal(),
    where: describeSecretReference(reference),
  });
  return {
    textOf,
    locked: async ({ key, passphrase }) => ({
      ...(await textOf(key)),
      passphrase: passphrase && (await secrets.resolve(passphrase, signal)).reveal(),
    }),
  };
}
