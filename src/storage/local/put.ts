import { type FileHandle, link, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '../../domain/error-code.ts';
import { Failure } from '../../domain/failure.ts';
import { abortable } from '../abortable.ts';
import type { ObjectBody, ObjectInfo, PutOptions } from '../object-store.ts';
import type { DurableDirectories } from './durable-directories.ts';
import { translating } from './errors.ts';
import { type LocalRoot, objectPath, requireInside, requireRoot, statOrUndefined } from './root.ts';
import { createTempFile } from './temp-files.ts';

/** How often a put makes its directory again because a delete has just removed the emptied one. Each round needs such a delete. */
const MOST_ROUNDS = 100;

/** ObjectStore.put: written and synced under a hidden name, then given its own in one step. */
export async function putObject(
  root: LocalRoot,
  directories: DurableDirectories,
  key: string,
  body: ObjectBody,
  options: PutOptions,
): Promise<ObjectInfo> {
  const target = objectPath(root, key);
  options.signal.throwIfAborted();
  const doing = `write ${target}`;
  const temp = await translating(doing, async () => openTemp(root, directories));
  try {
    const written = await writeBody(temp.handle, body, options, key, doing);
    options.signal.throwIfAborted();
    await translating(doing, async () => {
      await publish(root, directories, temp.path, target, options.ifAbsent === true);
    });
    return { key, ...written };
  } finally {
    // Renamed away in the good case; one that cannot be removed now is a leftover for the next opening.
    await unlink(temp.path).catch(() => undefined);
  }
}

async function openTemp(root: LocalRoot, directories: DurableDirectories): ReturnType<typeof createTempFile> {
  try {
    return await createTempFile(root);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    await requireRoot(root);
    await directories.make(root.hidden);
    return createTempFile(root);
  }
}

async function writeBody(
  handle: FileHandle,
  body: ObjectBody,
  options: PutOptions,
  key: string,
  doing: string,
): Promise<{ readonly size: number; readonly storedAt: number }> {
  const wrongSize = (found: string): Failure =>
    new Failure('store.incomplete', {
      message: `the body of ${key} has ${found} than the announced ${options.size} bytes`,
    });
  try {
    let size = 0;
    for await (const piece of abortable(body, options.signal)) {
      if (size + piece.length > (options.size ?? Number.POSITIVE_INFINITY)) throw wrongSize('more');
      await translating(doing, async () => {
        await writeFully(handle, piece, size);
      });
      size += piece.length;
    }
    if (size < (options.size ?? 0)) throw wrongSize(`${size} bytes, less`);
    return await translating(doing, async () => {
      await handle.sync();
      return { size, storedAt: Math.trunc((await handle.stat()).mtimeMs) };
    });
  } finally {
    await handle.close();
  }
}

async function writeFully(handle: FileHandle, piece: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < piece.length) {
    const { bytesWritten } = await handle.write(piece, done, piece.length - done, position + done);
    done += bytesWritten;
  }
}

async function publish(
  root: LocalRoot,
  directories: DurableDirectories,
  temp: string,
  target: string,
  ifAbsent: boolean,
): Promise<void> {
  const parent = dirname(target);
  for (let round = 1; ; round += 1) {
    try {
      if (round > 1) await directories.make(parent);
      await requireInside(root, parent);
      if (ifAbsent) await linkNew(temp, target, async () => directories.sync(parent));
      else await rename(temp, target);
      break;
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || round === MOST_ROUNDS) throw error;
      await requireRoot(root);
    }
  }
  try {
    await directories.sync(parent);
  } catch (error) {
    // What may not survive a crash must not be there: the caller would take the name for proof on its next try.
    if (ifAbsent) await unlink(target).catch(() => undefined);
    throw error;
  }
}

/** `store.exists` only once the object that is there is durable: whoever put it may not have got that far. */
async function linkNew(temp: string, target: string, makeDurable: () => Promise<void>): Promise<void> {
  try {
    await link(temp, target);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    // NFS repeats a request whose answer was lost, and finds its own link: open(2), O_EXCL.
    if ((await statOrUndefined(temp))?.nlink === 2) return;
    if ((await statOrUndefined(target))?.isDirectory() === true) {
      throw new Failure('value.invalid', { message: `${target} is a directory of other objects`, cause: error });
    }
    await makeDurable();
    throw new Failure('store.exists', { message: `${target} exists already`, cause: error });
  }
}

/** ObjectStore.head. */
export async function headObject(
  root: LocalRoot,
  directories: DurableDirectories,
  key: string,
): Promise<ObjectInfo | undefined> {
  const path = objectPath(root, key);
  return translating(`look at ${path}`, async () => {
    try {
      const found = await statOrUndefined(path);
      if (found?.isFile() === true) {
        await requireInside(root, dirname(path));
        await directories.sync(dirname(path));
        return { key, size: found.size, storedAt: Math.trunc(found.mtimeMs) };
      }
    } catch (error) {
      // Removed in between, with its directory.
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    await requireRoot(root);
    return undefined;
  });
}
