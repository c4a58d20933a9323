import type { Key, SignaturePacket } from 'openpgp';
import { Failure } from '../../domain/failure.ts';
import type { FoundSignature } from './message-content.ts';
import { objectOf } from './object-notation.ts';
import { packetHeader } from './packet-framing.ts';
import { describeKey, reasonOf } from './read-keys.ts';
import { TYPE } from './read-packets.ts';

/** Throws `object.untrusted` unless one of the signatures is valid, of a trusted signer, and of this object. After the content was read. */
export async function requireSignature(
  signatures: readonly FoundSignature[],
  name: string,
  trusted: readonly Key[],
): Promise<void> {
  let why = 'it bears no signature';
  for (const found of signatures) {
    try {
      const signature = await verified(found, trusted);
      const object = objectOf(signature);
      if (object === name) return;
      why = `its signature is of another object: ${object ?? 'it does not say which'}`;
    } catch (error) {
      why = `its signature does not hold: ${reasonOf(error)}`;
    }
  }
  throw new Failure('object.untrusted', {
    message: `${name} cannot be trusted: ${why}; trusted: ${trusted.map(describeKey).join(', ')}`,
    hint: 'somebody else may have written it: look at who can write to the storage. What was stored before signing was declared can be read without spec.encryption.trustedSigners',
  });
}

/** The package checks the signature of a hash that was made while the content went by, as it does for its own streams. */
interface Prehashed {
  hashed?: Uint8Array;
}

async function verified({ body, hash }: FoundSignature, trusted: readonly Key[]): Promise<SignaturePacket> {
  const { enums, readSignature } = await import('openpgp');
  const { packets } = await readSignature({
    binarySignature: Buffer.concat([packetHeader(TYPE.signature, body.length), body]),
  });
  const signature: (SignaturePacket & Prehashed) | undefined = packets[0];
  // A signature of text is over other bytes than these (RFC 9580, section 5.2.1.2).
  if (
    signature?.version !== 4 ||
    signature.signatureType !== enums.signature.binary ||
    !signature.signatureData ||
    !hash
  ) {
    throw new Error('it is of a kind that hoard does not read');
  }
  const { created, issuerKeyID, signatureData } = signature;
  // What is hashed behind the content (RFC 9580, section 5.2.4): the signed part of the signature, and its length.
  const trailer = Buffer.from([4, 0xff, 0, 0, 0, 0]);
  trailer.writeUInt32BE(signatureData.length, 2);
  signature.hashed = hash.copy().update(signatureData).update(trailer).digest();
  const signer = trusted.find((key) => key.getKeys(issuerKeyID).length > 0);
  if (!signer) throw new Error(`key ${issuerKeyID.toHex().toUpperCase()} is not trusted`);
  // Whether the key was valid when it signed; what it signed then stays good when it expires.
  const { keyPacket } = await signer.getSigningKey(issuerKeyID, created);
  await signature.verify(keyPacket, enums.signature.binary, new Uint8Array(0));
  return signature;
}
