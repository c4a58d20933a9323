import type { Key, Message, PrivateKey } from 'openpgp';
import { Failure } from '../../domain/failure.ts';
import type { Decryptor } from '../encryption.ts';
import { describeKey, reasonOf } from './read-keys.ts';
import { requireSignature } from './require-signature.ts';
import { toWebStream } from './web-stream.ts';

/** Where the keys of a repository come from; each is asked for when it is needed first. */
export interface DecryptorKeys {
  /** Unlocked private keys; none where this host is not meant to restore. */
  readonly privateKeys: () => Promise<readonly PrivateKey[]>;
  /** Public keys of those whose signature is trusted; undefined where none is asked for. */
  readonly signers: (() => Promise<readonly Key[]>) | undefined;
}

/**
 * Content flows before its checksum at the end was compared, or a segment of a gigabyte would have to be kept in memory: the users of
 * Decryptor wait for the end. What GnuPG compressed inside a message is read, but not more of it than a reader asks for.
 */
const CONFIG = { allowUnauthenticatedStream: true, maxDecompressedMessageSize: Number.POSITIVE_INFINITY } as const;

type StreamedMessage = Message<ReadableStream<Uint8Array> & AsyncIterable<Uint8Array>>;

export function createDecryptor(keys: DecryptorKeys): Decryptor {
  let loaded: Promise<readonly PrivateKey[]> | undefined;
  const privateKeys = (): Promise<readonly PrivateKey[]> => {
    loaded ??= keys.privateKeys().catch((error: unknown) => {
      loaded = undefined;
      throw error;
    });
    return loaded;
  };
  let read: Promise<readonly Key[]> | undefined;
  const signers = (): Promise<readonly Key[]> | undefined => (read ??= keys.signers?.());
  return {
    requiresSignature: keys.signers !== undefined,
    async *decrypt(bytes, name, trust) {
      const { decrypt, readMessage, verify } = await import('openpgp');
      const source = watched(bytes);
      try {
        const message = (await readMessage({ binaryMessage: toWebStream(source), config: CONFIG })) as StreamedMessage;
        const trusted = trust === 'required' ? await signers() : undefined;
        const verificationKeys = [...(trusted ?? [])];
        const options = { message, verificationKeys, format: 'binary', config: CONFIG } as const;
        const opened = isEncrypted(message)
          ? await decrypt({ ...options, sessionKeys: await sessionKeysOf(message, await privateKeys(), name) })
          : await verify(options);
        yield* opened.data;
        if (trusted !== undefined) await requireSignature(opened.signatures, name, trusted);
      } catch (error) {
        throw source.failed() ?? asFailure(error);
      }
    },
    async openPack(header, chunk) {
      const { readMessage } = await import('openpgp');
      try {
        const message = await readMessage({ binaryMessage: Buffer.concat([header, chunk]) });
        const [found] = await sessionKeysOf(message, await privateKeys(), 'the pack');
        if (found?.algorithm === 'aes256') return found.data;
      } catch (error) {
        throw asFailure(error);
      }
      throw corrupt('the key of the pack is not one for AES-256');
    },
  };
}

type SessionKey = { data: Uint8Array; algorithm: 'aes256' };

async function sessionKeysOf(
  message: Message<never> | StreamedMessage,
  decryptionKeys: readonly PrivateKey[],
  name: string,
): Promise<SessionKey[]> {
  const wanted = message.getEncryptionKeyIDs().map((id) => id.toHex().toUpperCase());
  const declared = decryptionKeys.map(describeKey);
  const missing = (cause?: unknown): Failure =>
    new Failure('key.missing', {
      message: `${name} is encrypted to ${wanted.map((id) => `key ${id}`).join(', ') || 'nobody'}; ${declared.length === 0 ? 'no private key is declared here' : `declared here: ${declared.join(', ')}`}`,
      hint: 'declare the private key as spec.encryption.privateKey of the repository, where restores run; the file may hold several keys, also retired ones',
      ...(cause === undefined ? {} : { cause }),
    });
  const ours = decryptionKeys.flatMap((key) => key.getKeyIDs().map((id) => id.toHex().toUpperCase()));
  // A key id of zeros hides who can read it: then every key is tried.
  if (!wanted.some((id) => ours.includes(id) || /^0+$/.test(id))) throw missing();
  const { decryptSessionKeys } = await import('openpgp');
  try {
    return (await decryptSessionKeys({ message, decryptionKeys: [...decryptionKeys] })) as SessionKey[];
  } catch (error) {
    // The right key was there: what is wrong is the packet. Hidden recipients may be anybody.
    if (wanted.some((id) => ours.includes(id)))
      throw corrupt(`its session key cannot be opened: ${reasonOf(error)}`, error);
    throw missing(error);
  }
}

/** `SEIPD` of any version: an encrypted message; anything else is signed or plain. */
const ENCRYPTED_DATA = 18;

const isEncrypted = ({ packets }: StreamedMessage): boolean =>
  packets.some((packet) => (packet.constructor as { readonly tag?: number }).tag === ENCRYPTED_DATA);

interface WatchedBytes extends AsyncIterable<Uint8Array> {
  /** What the source threw, which the package wraps. */
  failed(): unknown;
}

function watched(bytes: AsyncIterable<Uint8Array>): WatchedBytes {
  let error: unknown;
  return {
    failed: () => error,
    async *[Symbol.asyncIterator]() {
      try {
        yield* bytes;
      } catch (thrown) {
        error = thrown;
        throw thrown;
      }
    },
  };
}

const asFailure = (error: unknown): unknown =>
  error instanceof Failure ? error : corrupt(reasonOf(error).toLowerCase(), error);

const corrupt = (what: string, cause?: unknown): Failure =>
  new Failure('object.corrupt', { message: `an OpenPGP message cannot be read: ${what}`, cause });
