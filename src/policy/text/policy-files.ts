import { open, readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from '../../domain/error-code.ts';
import { PolicySource } from './policy-source.ts';

/** A file or folder that could not be read, and why. */
export interface Unreadable {
  readonly file: string;
  readonly message: string;
  readonly hint: string | undefined;
}

export interface PolicyFiles {
  readonly sources: readonly PolicySource[];
  readonly unreadable: readonly Unreadable[];
}

// Policies are written by people: a fleet of a thousand sites is about one MiB. A wrong path must not fill the memory.
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_FILES = 10_000;
const MAX_DEPTH = 32;
const CONCURRENT_READS = 16;

/**
 * Reads a policy file, or all `.yaml` and `.yml` files of a folder and the folders below, in order of their paths. Names that begin with
 * a dot, `node_modules` and repositories of hoard are passed over; links are followed, each folder once.
 */
export async function readPolicyFiles(start: string): Promise<PolicyFiles> {
  const unreadable: Unreadable[] = [];
  const files = await findFiles(start, unreadable);
  const sources: (PolicySource | undefined)[] = [];
  let next = 0;
  const reader = async (): Promise<void> => {
    for (let index = next++; index < files.length; index = next++) {
      sources[index] = await readSource(files[index] ?? '', unreadable);
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENT_READS, files.length) }, reader));
  if (files.length === 0 && unreadable.length === 0) {
    unreadable.push({
      file: start,
      message: 'the folder holds no .yaml or .yml file',
      hint: 'name the folder of the policies with --policies',
    });
  }
  return { sources: sources.filter((source) => source !== undefined), unreadable };
}

async function findFiles(start: string, unreadable: Unreadable[]): Promise<readonly string[]> {
  const files: string[] = [];
  const visited = new Set<string>();

  const visit = async (folder: string, depth: number): Promise<void> => {
    const real = await realpath(folder);
    if (visited.has(real)) return;
    visited.add(real);
    if (depth > MAX_DEPTH) {
      unreadable.push({ file: folder, message: `folders are nested deeper than ${MAX_DEPTH}`, hint: undefined });
      return;
    }
    const names = (await readdir(folder)).filter((name) => !name.startsWith('.') && name !== 'node_modules').sort();
    // A repository that lies beside the policies may be large, and holds none.
    if (depth > 0 && names.includes('hoard.json')) return;
    for (const name of names) await look(path.join(folder, name), /\.ya?ml$/i.test(name), depth + 1);
  };

  const look = async (entry: string, wanted: boolean, depth: number): Promise<void> => {
    try {
      const info = await stat(entry);
      if (info.isDirectory()) await visit(entry, depth);
      else if (wanted) files.push(entry);
    } catch (error) {
      // A dangling link to something that is no policy file is nobody's business.
      if (wanted) unreadable.push({ file: entry, ...whyUnreadable(error) });
    }
  };

  await look(start, true, 0);
  if (files.length <= MAX_FILES) return files;
  unreadable.push({
    file: start,
    message: `there are ${files.length} policy files, more than ${MAX_FILES}`,
    hint: 'point --policies at the folder of the policies only',
  });
  return [];
}

async function readSource(file: string, unreadable: Unreadable[]): Promise<PolicySource | undefined> {
  try {
    const bytes = await readBounded(file);
    if (bytes === undefined) {
      unreadable.push({
        file,
        message: `the file is larger than ${MAX_FILE_BYTES / 1024} KiB`,
        hint: 'split it into several files',
      });
      return undefined;
    }
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return new PolicySource({ file, folder: path.dirname(path.resolve(file)), text });
  } catch (error) {
    unreadable.push({ file, ...whyUnreadable(error) });
    return undefined;
  }
}

async function readBounded(file: string): Promise<Uint8Array | undefined> {
  await using handle = await open(file, 'r');
  const info = await handle.stat();
  if (info.size > MAX_FILE_BYTES) return undefined;
  if (info.isFile()) return await handle.readFile();
  // Pipes and the like tell no size.
  const buffer = new Uint8Array(MAX_FILE_BYTES + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
  }
  return undefined;
}

function whyUnreadable(error: unknown): { readonly message: string; readonly hint: string | undefined } {
  const code = errorCode(error) ?? 'unknown error';
  if (code === 'ENOENT')
    return {
      message: 'there is no such file or folder',
      hint: 'name the file or folder of the policies with --policies',
    };
  if (code === 'EACCES' || code === 'EPERM')
    return { message: 'the file or folder may not be read by this user', hint: undefined };
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
    return { message: 'the file is not UTF-8 text', hint: 'save it as UTF-8' };
  return { message: `the file or folder cannot be read (${code})`, hint: undefined };
}
