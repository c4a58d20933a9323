import type { DecryptedSessionKey, PrivateKey } from 'openpgp';
import { Failure } from '../../domain/failure.ts';
import { describeKey, reasonOf } from './read-keys.ts';
import { corrupt } from './read-packets.ts';

/** Node's name of the cipher, and its key. */
export interface OpenedSessionKey {
  readonly cipher: string;
  readonly sessionKey: Uint8Array;
}

/** An empty packet of encrypted data, version 1: with it behind them, the packets of session keys are a message that the package takes. */
const NO_DATA = Uint8Array.from([0xd2, 0x01, 0x01]);

const CIPHERS: Readonly<Record<string, string>> = {
  aes128: 'aes-128-cfb',
  aes192: 'aes-192-cfb',
  aes256: 'aes-256-cfb',
};

/**
 * The session key from the packets that tell it to the recipients. `key.missing` where none of them is for one of the private keys,
 * `object.corrupt` where the one that is cannot be opened. `name` is for messages.
 */
export async function openSessionKey(
  packets: readonly Uint8Array[],
  privateKeys: readonly PrivateKey[],
  name: string,
): Promise<OpenedSessionKey> {
  const { decryptSessionKeys, readMessage } = await import('openpgp');
  const message = await readMessage({ binaryMessage: Buffer.concat([...packets, NO_DATA]) }).catch((error: unknown) => {
    throw corrupt(`has session keys that cannot be read: ${reasonOf(error)}`, error);
  });
  if (packets.length === 0) throw corrupt('is encrypted to no key');
  const wanted = message.getEncryptionKeyIDs().map((id) => id.toHex().toUpperCase());
  const ours = new Set(privateKeys.flatMap((key) => key.getKeyIDs().map((id) => id.toHex().toUpperCase())));
  const isForUs = wanted.some((id) => ours.has(id));
  // A key id of zeros hides who it is for: then every key is tried.
  if (!isForUs && !wanted.some((id) => /^0+$/.test(id))) throw missing(name, wanted, privateKeys);
  let opened: readonly DecryptedSessionKey[];
  try {
    opened = await decryptSessionKeys({ message, decryptionKeys: [...privateKeys] });
  } catch (error) {
    if (!isForUs) throw missing(name, wanted, privateKeys, error);
    throw corrupt(`has a session key that its recipient cannot open: ${reasonOf(error)}`, error);
  }
  const [found] = opened;
  const cipher = CIPHERS[found?.algorithm ?? ''];
  if (found && cipher !== undefined) return { cipher, sessionKey: found.data };
  throw corrupt(`is encrypted with ${found?.algorithm ?? 'no cipher'}, which hoard does not read`);
}

function missing(name: string, wanted: readonly string[], declared: readonly PrivateKey[], cause?: unknown): Failure {
  const to = wanted.map((id) => `key ${id}`).join(', ');
  const here =
    declared.length === 0
      ? 'no private key is declared here'
      : `declared here: ${declared.map(describeKey).join(', ')}`;
  return new Failure('key.missing', {
    message: `${name} is encrypted to ${to}; ${here}`,
    hint: 'declare the private key as spec.encryption.privateKey of the repository, where restores run; the file may hold several keys, also retired ones',
    ...(cause === undefined ? {} : { cause }),
  });
}
