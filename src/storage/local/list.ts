import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../domain/error-code.ts';
import { mapBounded } from '../bounded.ts';
import { checkPrefix, isKeySegment } from '../object-key.ts';
import type { ListOptions, ObjectInfo } from '../object-store.ts';
import { translating } from './errors.ts';
import { isHidden, type LocalRoot, notFollowed, requireInside, requireRoot, statOrUndefined } from './root.ts';

/** Objects in a page: what S3 gives as well. */
const PAGE = 1000;
const STATS_AT_ONCE = 16;

/**
 * ObjectStore.list. A flat byte order over a tree: within a directory, `a-b` comes before everything in `a/`, and that before `a0`,
 * so directories are ordered by their name with a slash. Memory: one page and the names of the directories on the current path.
 */
export async function* listObjects(
  root: LocalRoot,
  prefix: string,
  options: ListOptions,
): AsyncGenerator<readonly ObjectInfo[]> {
  checkPrefix(prefix);
  options.signal.throwIfAborted();
  await requireRoot(root);
  const doing = `list ${join(root.directory, prefix)}`;
  let keys: string[] = [];
  const page = async (): Promise<readonly ObjectInfo[]> =>
    translating(doing, async () => {
      const infos = await mapBounded(keys, STATS_AT_ONCE, options.signal, async (key) => infoOf(root, key));
      return infos.filter((info) => info !== undefined);
    });
  for await (const key of walk(root, prefix, options, doing)) {
    if (keys.push(key) < PAGE) continue;
    yield await page();
    keys = [];
  }
  const last = keys.length === 0 ? [] : await page();
  // Directories that vanish while they are listed are empty; a root that vanishes is a disk that went away in between.
  await requireRoot(root);
  if (last.length > 0) yield last;
}

async function infoOf(root: LocalRoot, key: string): Promise<ObjectInfo | undefined> {
  const found = await statOrUndefined(join(root.directory, key));
  return found?.isFile() === true ? { key, size: found.size, storedAt: Math.trunc(found.mtimeMs) } : undefined;
}

async function* walk(root: LocalRoot, prefix: string, options: ListOptions, doing: string): AsyncGenerator<string> {
  const { startAfter = '' } = options;
  const top = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (isHidden(top)) return;
  const wanted = (path: string): boolean =>
    path.startsWith(prefix) && (path > startAfter || (path.endsWith('/') && startAfter.startsWith(path)));
  const read = async (directory: string): Promise<readonly string[]> =>
    translating(doing, async () => (await entriesOf(root, directory)).filter(wanted).sort(byBytes).reverse());
  // The rest of each directory on the current path, last entry first; paths are relative to the root, directories end in a slash.
  const rest: string[][] = [[...(await read(top))]];
  for (let level = rest.at(-1); level !== undefined; level = rest.at(-1)) {
    options.signal.throwIfAborted();
    const path = level.pop();
    if (path === undefined) rest.pop();
    else if (path.endsWith('/')) rest.push([...(await read(path))]);
    else yield path;
  }
}

async function entriesOf(root: LocalRoot, directory: string): Promise<readonly string[]> {
  const path = join(root.directory, directory.slice(0, -1));
  let entries: readonly Dirent[];
  try {
    if (directory !== '') await requireInside(root, path);
    entries = await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return [];
    throw error;
  }
  return entries
    .filter((entry) => isKeySegment(entry.name) && !isReserved(directory, entry.name))
    .map((entry) => pathOf(entry, directory));
}

/** At the top, the hidden folder and what mkfs puts into a file system are not objects. */
const isReserved = (directory: string, name: string): boolean =>
  directory === '' && (isHidden(name) || name === 'lost+found');

function pathOf(entry: Dirent, directory: string): string {
  if (entry.isDirectory()) return `${directory}${entry.name}/`;
  if (entry.isFile()) return `${directory}${entry.name}`;
  throw notFollowed(join(entry.parentPath, entry.name));
}

/** Keys are ASCII: the order of UTF-16 units is that of bytes. */
const byBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
