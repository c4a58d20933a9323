import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errorCode } from '../domain/error-code.ts';

/**
 * Like `mkdir -p`: makes the directory and those above it that are missing, and gives the first that it made, or undefined where all
 * were there. Errors are those of mkdir(2). Node's own recursive mkdir never ends where a parent is there and nothing can be made in it
 * (ENOENT below /proc).
 */
export async function makeDirectories(path: string, mode: number): Promise<string | undefined> {
  const missing: string[] = [];
  let existing = resolve(path);
  while (!(await exists(existing))) {
    missing.unshift(existing);
    existing = dirname(existing);
  }
  let first: string | undefined;
  for (const directory of missing) {
    try {
      await mkdir(directory, { mode });
      first ??= directory;
    } catch (error) {
      // Another process has made it meanwhile; what is not a directory fails at the next one, or at its first use.
      if (errorCode(error) !== 'EEXIST') throw error;
    }
  }
  return first;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
