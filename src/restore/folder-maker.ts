import { chmod, chown, lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '../domain/error-code.ts';
import { Failure } from '../domain/failure.ts';
import { syncFolder } from './durable.ts';

/** Makes the directories of a restored cluster below directories that exist, and remembers what has to be synced at the end. */
export class FolderMaker {
  readonly #owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly #made: Set<string>;

  constructor(roots: readonly string[], owner: { readonly uid: number; readonly gid: number } | undefined) {
    this.#made = new Set(roots);
    this.#owner = owner;
  }

  /** Throws `restore.destination` where something else than a directory is in the way: a link would lead out of the restore. */
  async make(path: string, mode = 0o700): Promise<void> {
    if (!this.#made.has(path)) {
      await this.make(dirname(path));
      try {
        await mkdir(path, { mode: 0o700 });
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
        if (!(await lstat(path)).isDirectory()) {
          throw new Failure('restore.destination', { message: `${path} is in the way of a directory`, cause: error });
        }
      }
      this.#made.add(path);
      if (this.#owner) await chown(path, this.#owner.uid, this.#owner.gid);
    }
    // The owner must be able to go on writing in it.
    if (mode !== 0o700) await chmod(path, (mode & 0o777) | 0o700);
  }

  /** Makes all names in all directories durable. */
  async sync(signal: AbortSignal): Promise<void> {
    for (const path of this.#made) {
      signal.throwIfAborted();
      await syncFolder(path);
    }
  }
}
