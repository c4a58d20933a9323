import type { DecryptMessageResult, Key } from 'openpgp';
import { Failure } from '../../domain/failure.ts';
import { objectOf } from './object-notation.ts';
import { describeKey, reasonOf } from './read-keys.ts';

/** Throws `object.untrusted` unless one of the signatures is valid, of a trusted signer, and of this object. After the content was read. */
export async function requireSignature(
  signatures: DecryptMessageResult['signatures'],
  name: string,
  trusted: readonly Key[],
): Promise<void> {
  let why = 'it bears no signature';
  for (const { keyID, verified, signature } of signatures) {
    try {
      await verified;
      const objects = (await signature).packets.map(objectOf);
      if (objects.includes(name)) return;
      why = `its signature is of another object: ${objects[0] ?? 'it does not say which'}`;
    } catch (error) {
      why = `its signature by key ${keyID.toHex().toUpperCase()} does not hold: ${reasonOf(error)}`;
    }
  }
  throw new Failure('object.untrusted', {
    message: `${name} cannot be trusted: ${why}; trusted: ${trusted.map(describeKey).join(', ')}`,
    hint: 'somebody else may have written it: look at who can write to the storage. What was stored before signing was declared can be read without spec.encryption.trustedSigners',
  });
}
