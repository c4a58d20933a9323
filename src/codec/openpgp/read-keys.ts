import type { Key, PrivateKey } from 'openpgp';
import { Failure } from '../../domain/failure.ts';

/** The text of a key as it was declared, and where it is from, for messages. */
export interface KeyText {
  readonly text: string;
  readonly where: string;
}

const BLOCK = /-----BEGIN PGP (PUBLIC|PRIVATE) KEY BLOCK-----[\s\S]*?-----END PGP \1 KEY BLOCK-----/g;

/** The public keys of a text in ASCII armor; a file may hold several blocks of several keys. Throws `key.unusable`. */
export async function readPublicKeys(source: KeyText): Promise<readonly Key[]> {
  const { readKeys } = await import('openpgp');
  const blocks = blocksOf(source);
  if (blocks.some(({ kind }) => kind === 'PRIVATE')) {
    throw unusable(
      source,
      'holds a private key where a public key is declared',
      'declare the public key: gpg --armor --export, or the .pub.asc that hoard keys create wrote; a private key belongs only where restores run',
    );
  }
  return readAll(source, blocks, (armoredKeys) => readKeys({ armoredKeys }));
}

/** The private keys of a text in ASCII armor, locked or not. Throws `key.unusable`. */
export async function readPrivateKeys(source: KeyText): Promise<readonly PrivateKey[]> {
  const { readPrivateKeys: read } = await import('openpgp');
  const blocks = blocksOf(source);
  if (blocks.some(({ kind }) => kind === 'PUBLIC')) {
    throw unusable(
      source,
      'holds a public key where a private key is declared',
      'declare the private key: gpg --armor --export-secret-keys, or the .key.asc that hoard keys create wrote',
    );
  }
  return readAll(source, blocks, (armoredKeys) => read({ armoredKeys }));
}

interface Block {
  readonly kind: string;
  readonly text: string;
}

function blocksOf(source: KeyText): readonly Block[] {
  const blocks = [...source.text.matchAll(BLOCK)].map(([text, kind = '']) => ({ kind, text }));
  if (blocks.length > 0) return blocks;
  throw unusable(
    source,
    'holds no OpenPGP key in ASCII armor',
    'it has to contain a whole block from "-----BEGIN PGP" to "-----END PGP"; export binary keys with gpg --armor',
  );
}

async function readAll<K>(
  source: KeyText,
  blocks: readonly Block[],
  read: (armored: string) => Promise<readonly K[]>,
): Promise<readonly K[]> {
  const keys: K[] = [];
  for (const { text } of blocks) {
    try {
      keys.push(...(await read(text)));
    } catch (error) {
      throw unusable(source, `holds a key that cannot be read: ${reasonOf(error)}`, 'export the key again', error);
    }
  }
  return keys;
}

/** What the package says, without its own prefix. */
export const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/^Error \w+ \w+: /, '');

export function unusable({ where }: Pick<KeyText, 'where'>, what: string, hint: string, cause?: unknown): Failure {
  return new Failure('key.unusable', { message: `${where} ${what}`, hint, ...(cause === undefined ? {} : { cause }) });
}

/** For messages: the fingerprint as GnuPG shows it, and whose it is. */
export function describeKey(key: Key): string {
  const [owner] = key.getUserIDs();
  return `key ${key.getFingerprint().toUpperCase()}${owner === undefined ? '' : ` (${owner})`}`;
}
