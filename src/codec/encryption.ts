import type { KeyReference } from '../domain/observed.ts';

/**
 * Encryption of stored objects, after compression. An encrypted object is one OpenPGP message and its name ends with `.pgp`; a pack is the
 * messages of its chunks, which share one session key. Writing needs public keys only.
 */
export interface Encryptor {
  /** Each of them can open whatever is written. Sorted by `encryptionKey`. */
  readonly recipients: readonly KeyReference[];
  /** Who signs, by the fingerprint of the key; undefined where nothing is signed. */
  readonly signer: string | undefined;
  /**
   * One message, with a session key of its own, in bounded memory. `name` is what a signature vouches for beside the content: the object's key
   * below the repository.
   */
  encrypt(content: AsyncIterable<Uint8Array>, name: string): AsyncIterable<Uint8Array>;
  /**
   * As `encrypt`, of content that can be read twice and is the same each time: a message of known size that ends with the sum of its bytes
   * (closing-sum.ts), so that it can be verified without a key.
   */
  seal(open: () => AsyncIterable<Uint8Array>, name: string): Promise<SealedMessage>;
  /** As it is but signed, for what planning must read without a private key. Only where there is a signer. */
  sign(content: AsyncIterable<Uint8Array>, name: string): AsyncIterable<Uint8Array>;
  /** A fresh session key for the chunks of one pack, and the packets that tell it to the recipients: what the pack begins with. */
  newPackKey(): Promise<PackKey>;
}

export interface SealedMessage {
  readonly size: number;
  /** To be read once. Throws where the content was another one when it was read again. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface PackKey {
  /** The packets at the beginning of the pack; with the packet of any chunk behind them, a whole message. */
  readonly header: Uint8Array;
  readonly sessionKey: Uint8Array;
}

/** `required`: where trusted signers are declared, one of them must have signed. `any`: for planning, which only looks. */
export type Trust = 'required' | 'any';

/** Reading. Private keys are asked for when the first encrypted object is read, never before. */
export interface Decryptor {
  /** Trusted signers are declared. */
  readonly requiresSignature: boolean;
  /**
   * The content of one message. Nothing of it may be used before the iteration has ended: only then are integrity and signature known.
   * `object.corrupt` where it is damaged, `object.untrusted`, `key.missing`, `key.passphrase`, `key.unusable`.
   */
  decrypt(message: AsyncIterable<Uint8Array>, name: string, trust: Trust): AsyncIterable<Uint8Array>;
  /** The session key of a pack, from its header. `name` is for messages. Errors as of decrypt. */
  openPack(header: Uint8Array, name: string): Promise<Uint8Array>;
}
