import type { Key, PrivateKey } from 'openpgp';
import type { Decryptor } from '../encryption.ts';
import { ByteReader } from './byte-reader.ts';
import { checkClosingSum } from './closing-sum.ts';
import { type FoundSignature, readContent } from './message-content.ts';
import { openSessionKey } from './open-session-key.ts';
import { CIPHER, decryptStream } from './protected-data.ts';
import { corrupt, nextPacket, TYPE, wholePacket } from './read-packets.ts';
import { requireSignature } from './require-signature.ts';

/** Where the keys of a repository come from; each is asked for when it is needed first. */
export interface DecryptorKeys {
  /** Unlocked private keys; none where this host is not meant to restore. */
  readonly privateKeys: () => Promise<readonly PrivateKey[]>;
  /** Public keys of those whose signature is trusted; undefined where none is asked for. */
  readonly signers: (() => Promise<readonly Key[]>) | undefined;
}

/**
 * Reads messages of hoard and GnuPG. Packets are read by code of our own: the openpgp package waits for ever on some damaged streams, and takes
 * twice the processor time and more. Private-key operations and signatures are the package's.
 */
export function createDecryptor(keys: DecryptorKeys): Decryptor {
  const privateKeys = once(keys.privateKeys);
  const signers = keys.signers && once(keys.signers);
  return {
    requiresSignature: signers !== undefined,
    async *decrypt(bytes, name, trust) {
      const signatures: FoundSignature[] = [];
      async function* open(
        sessionKeys: readonly Uint8Array[],
        body: AsyncIterable<Uint8Array>,
      ): AsyncGenerator<Uint8Array> {
        yield* decryptStream(await openSessionKey(sessionKeys, await privateKeys(), name), body);
      }
      yield* readContent(checkClosingSum(bytes), { signatures, open });
      if (signers !== undefined && trust === 'required') await requireSignature(signatures, name, await signers());
    },
    async openPack(header, name) {
      const packets = await packetsOf(header);
      const { cipher, sessionKey } = await openSessionKey(packets, await privateKeys(), name);
      if (cipher === CIPHER) return sessionKey;
      throw corrupt(`has a session key for ${cipher}, not for ${CIPHER}`);
    },
  };
}

/** A success is kept, a failure asked for again. */
function once<T>(get: () => Promise<T>): () => Promise<T> {
  let known: Promise<T> | undefined;
  return () => {
    known ??= get().catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    return known;
  };
}

/** A pack of a thousand recipients begins with less than a megabyte. */
const MAX_PACKET_BYTES = 64 * 1024;

async function packetsOf(header: Uint8Array): Promise<readonly Uint8Array[]> {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield header;
  }
  const reader = new ByteReader(bytes());
  const packets: Uint8Array[] = [];
  for (let packet = await nextPacket(reader); packet; packet = await nextPacket(reader)) {
    if (packet.type !== TYPE.sessionKey) throw corrupt(`begins with a packet of type ${packet.type}`);
    packets.push(await wholePacket(packet, MAX_PACKET_BYTES));
  }
  return packets;
}
