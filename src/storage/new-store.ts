import { readdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { DesiredRepository } from '../domain/desired.ts';
import { errorCode } from '../domain/error-code.ts';

/** Whether hoard may make the place of a repository: a directory. Buckets and containers are made by those who own the account. */
export function canBeMade({ storage }: DesiredRepository): boolean {
  return storage.type === 'local' || storage.type === 'sftp';
}

/**
 * Whether a store that is absent was plainly never made, so that making it needs nobody's word. A disk that is not mounted leaves
 * its empty mount point behind (with `lost+found` at most): so a directory that is there but empty, or that is missing below an empty or
 * missing parent, is not plainly new. What is behind a directory of another host cannot be seen; an empty bucket is not absent at all.
 */
export async function isPlainlyNew(repository: DesiredRepository): Promise<boolean> {
  if (repository.storage.type !== 'local') return false;
  const directory = resolve(repository.storage.directory);
  const [own, parent] = await Promise.all([namesIn(directory), namesIn(dirname(directory))]);
  return own === undefined && parent !== undefined && parent.some((name) => name !== 'lost+found');
}

async function namesIn(directory: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(directory);
  } catch (error) {
    const code = errorCode(error);
    // What cannot be read may hold anything: as little "missing" as it is "empty".
    return code === 'ENOENT' ? undefined : [];
  }
}
