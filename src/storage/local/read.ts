import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '../../domain/error-code.ts';
import { Failure } from '../../domain/failure.ts';
import { checkRange } from '../object-key.ts';
import type { GetOptions, ObjectBody } from '../object-store.ts';
import { localFailure, translating } from './errors.ts';
import { type LocalRoot, objectPath, requireInside, requireRoot } from './root.ts';

/** What one read asks for and one step of the body gives at most. */
const PIECE = 1024 * 1024;

/** ObjectStore.get. */
export async function readObject(root: LocalRoot, key: string, options: GetOptions): Promise<ObjectBody> {
  const path = objectPath(root, key);
  checkRange(options.range);
  options.signal.throwIfAborted();
  const { handle, size } = await openObject(root, path, key);
  try {
    const { offset, length } = options.range ?? { offset: 0, length: size };
    if (offset + length > size) {
      throw new Failure('store.incomplete', {
        message: `${path} has ${size} bytes, but bytes ${offset} to ${offset + length} were asked for`,
      });
    }
    return new FileBody(handle, path, offset, offset + length, options.signal);
  } catch (error) {
    await handle.close();
    throw localFailure(error, `read ${path}`);
  }
}

interface OpenedObject {
  readonly handle: FileHandle;
  readonly size: number;
}

async function openObject(root: LocalRoot, path: string, key: string): Promise<OpenedObject> {
  return translating(`read ${path}`, async () => {
    let handle: FileHandle | undefined;
    try {
      // O_NONBLOCK: a pipe must not hold the thread; a regular file does not care.
      const opening = open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      // Beside each other: nothing is read before both have ended.
      const [opened, inside] = await Promise.allSettled([opening, requireInside(root, dirname(path))]);
      if (opened.status === 'fulfilled') handle = opened.value;
      if (inside.status === 'rejected') throw inside.reason;
      if (opened.status === 'rejected') throw opened.reason;
      const found = await opened.value.stat();
      if (found.isFile()) return { handle: opened.value, size: found.size };
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') {
        await handle?.close();
        throw error;
      }
    }
    await handle?.close();
    await requireRoot(root);
    throw new Failure('store.not-found', { message: `there is no object "${key}" in ${root.directory}` });
  });
}

/** Not a generator: a generator that is closed before its first step would not release the file. */
class FileBody implements AsyncIterableIterator<Uint8Array> {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #end: number;
  readonly #signal: AbortSignal;
  #position: number;
  #open = true;

  constructor(handle: FileHandle, path: string, start: number, end: number, signal: AbortSignal) {
    this.#handle = handle;
    this.#path = path;
    this.#position = start;
    this.#end = end;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (!this.#open) return { done: true, value: undefined };
    if (this.#position === this.#end) return this.return();
    try {
      this.#signal.throwIfAborted();
      // Not filled with zeros first: only what was read is given away.
      const piece = Buffer.allocUnsafeSlow(Math.min(PIECE, this.#end - this.#position));
      const { bytesRead } = await this.#handle.read(piece, 0, piece.length, this.#position);
      if (bytesRead === 0) {
        throw new Failure('store.incomplete', {
          message: `${this.#path} ends at byte ${this.#position}, before byte ${this.#end}`,
        });
      }
      this.#position += bytesRead;
      return { done: false, value: piece.subarray(0, bytesRead) };
    } catch (error) {
      await this.return();
      throw localFailure(error, `read ${this.#path}`);
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    if (this.#open) {
      this.#open = false;
      await this.#handle.close();
    }
    return { done: true, value: undefined };
  }
}
