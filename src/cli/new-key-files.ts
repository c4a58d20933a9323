import { type FileHandle, open, unlink } from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from '../domain/error-code.ts';
import { Failure } from '../domain/failure.ts';
import { syncFolder } from '../restore/durable.ts';

export interface KeyFiles {
  readonly publicKeyFile: string;
  readonly privateKeyFile: string;
}

interface KeyPairText {
  readonly publicKey: string;
  readonly privateKey: string;
}

export function keyFilesIn(folder: string, name: string): KeyFiles {
  return { publicKeyFile: path.join(folder, `${name}.pub.asc`), privateKeyFile: path.join(folder, `${name}.key.asc`) };
}

/**
 * Writes both files of a new key, never over one that is there: to lose a private key is to lose all that is encrypted to it. The public one
 * gets its content once the private one is durable, so that nothing is ever encrypted to a key that a power cut took. Where that fails
 * nothing is left. `make` is called once both names are ours. Throws `usage.invalid`.
 */
export async function writeKeyFiles<Pair extends KeyPairText>(
  files: KeyFiles,
  make: () => Promise<Pair>,
): Promise<Pair> {
  const { publicKeyFile, privateKeyFile } = files;
  const made: string[] = [];
  try {
    await using secret = await create(privateKeyFile, 0o600);
    made.push(privateKeyFile);
    await using open = await create(publicKeyFile, 0o644);
    made.push(publicKeyFile);
    const pair = await make();
    await fill(secret, privateKeyFile, pair.privateKey);
    await syncNames(privateKeyFile);
    await fill(open, publicKeyFile, pair.publicKey);
    return pair;
  } catch (error) {
    for (const file of made) await unlink(file).catch(() => undefined);
    throw error;
  }
}

async function create(file: string, mode: number): Promise<FileHandle> {
  try {
    return await open(file, 'wx', mode);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw unwritable(file, error);
    throw new Failure('usage.invalid', {
      message: `${file} exists already, and a key is never overwritten`,
      hint: 'give the new key another name, or another folder with --out',
      cause: error,
    });
  }
}

async function fill(handle: FileHandle, file: string, text: string): Promise<void> {
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    throw unwritable(file, error);
  }
}

async function syncNames(file: string): Promise<void> {
  try {
    await syncFolder(path.dirname(file));
  } catch (error) {
    throw unwritable(file, error);
  }
}

function unwritable(file: string, cause: unknown): Failure {
  const code = errorCode(cause);
  return new Failure('usage.invalid', {
    message: `the key cannot be written to ${file} (${code ?? 'unknown error'})`,
    ...(code === 'ENOENT' && { hint: 'the folder has to be there: make it, or name another with --out' }),
    cause,
  });
}
