import { rmdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '../../domain/error-code.ts';
import { mapBounded } from '../bounded.ts';
import type { CallOptions, DeleteResult } from '../object-store.ts';
import { syncDirectory } from './durable-directories.ts';
import { localFailure } from './errors.ts';
import { type LocalRoot, objectPath, requireInside, requireRoot } from './root.ts';

const AT_ONCE = 8;

/**
 * ObjectStore.deleteMany. Emptied directories go as well, where that succeeds: a put that is under way in one of them either finds it
 * not empty, or makes it again.
 */
export async function deleteObjects(
  root: LocalRoot,
  keys: readonly string[],
  options: CallOptions,
): Promise<readonly DeleteResult[]> {
  const paths = new Map(keys.map((key) => [key, objectPath(root, key)]));
  options.signal.throwIfAborted();
  await requireRoot(root);
  const outcomes = await mapBounded([...paths.values()], AT_ONCE, options.signal, async (path) => ({
    path,
    problem: await attempt(`remove ${path}`, async () => removeFile(root, path)),
  }));
  const parents = [
    ...new Set(outcomes.filter(({ problem }) => problem === undefined).map(({ path }) => dirname(path))),
  ];
  const synced = await mapBounded(parents, AT_ONCE, options.signal, async (parent) => ({
    parent,
    problem: await attempt(`remove objects in ${parent}`, async () => settle(root, parent)),
  }));
  const problems = new Map(outcomes.map(({ path, problem }) => [path, problem]));
  const unsettled = new Map(synced.map(({ parent, problem }) => [parent, problem]));
  return keys.map((key) => {
    const path = paths.get(key) ?? '';
    const error = problems.get(path) ?? unsettled.get(dirname(path));
    return error === undefined ? { key, kind: 'removed' } : { key, kind: 'failed', error };
  });
}

async function removeFile(root: LocalRoot, path: string): Promise<void> {
  try {
    await requireInside(root, dirname(path));
    await unlink(path);
  } catch (error) {
    // EISDIR: the name is a directory of other objects, not an object.
    if (!['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(error) ?? '')) throw error;
  }
}

/** Removes the directory and those above it as far as they are empty, and makes the removals durable. */
async function settle(root: LocalRoot, directory: string): Promise<void> {
  let path = directory;
  while (path !== root.directory && (await removeIfEmpty(path))) path = dirname(path);
  for (;;) {
    try {
      await syncDirectory(path);
      return;
    } catch (error) {
      // Another delete removed this one as well: what counts now is the directory above.
      if (errorCode(error) !== 'ENOENT' || path === root.directory) throw error;
      path = dirname(path);
    }
  }
}

/** True where the directory is gone. Whatever stands against it (not empty, a mount point, no permission) may stay. */
async function removeIfEmpty(path: string): Promise<boolean> {
  try {
    await rmdir(path);
    return true;
  } catch (error) {
    return errorCode(error) === 'ENOENT';
  }
}

async function attempt(doing: string, work: () => Promise<void>): Promise<Error | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const failure = localFailure(error, doing);
    return failure instanceof Error ? failure : new Error(String(failure));
  }
}
