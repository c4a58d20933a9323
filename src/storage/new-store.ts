import { readdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { DesiredRepository } from '../domain/desired.ts';
import { errorCode } from '../domain/error-code.ts';

/**
 * Whether a store that is absent was plainly never made, so that making it needs nobody's word. A disk that is not mounted leaves
 * its empty mount point behind (with `lost+found` at most): so a directory that is there but empty, or that is missing below an empty or
 * missing parent, is not plainly new.
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
