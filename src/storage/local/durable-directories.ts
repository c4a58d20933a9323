import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { errorCode } from '../../domain/error-code.ts';

/** fsync of a directory: makes the names in it durable. File systems that cannot do it (EINVAL) keep names durable by themselves or not at all. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // PostgreSQL ignores the same two (fsync_fname_ext in src/common/file_utils.c).
    if (errorCode(error) !== 'EINVAL' && errorCode(error) !== 'EBADF') throw error;
  } finally {
    await handle.close();
  }
}

/** Bounds the memory; a miss costs one fsync. */
const MOST_REMEMBERED = 10_000;

/**
 * Makes and syncs the directories below a store's root. A name is durable only when every directory above it is, whoever made it:
 * another process may have made it a moment ago and not synced it yet. Which ones are known to be durable is remembered
 * by identity, not by path, as an emptied directory is removed and made anew by others.
 */
export class DurableDirectories {
  readonly #root: string;
  readonly #mode: number;
  readonly #durable = new Map<string, string>();

  constructor(root: string, mode: number) {
    this.#root = root;
    this.#mode = mode;
  }

  /** Like `mkdir -p`, but never makes the root: ENOENT where that is missing. */
  async make(path: string): Promise<void> {
    let current = this.#root;
    for (const name of relative(this.#root, path).split(sep)) {
      if (name === '') continue;
      current = join(current, name);
      try {
        await mkdir(current, { mode: this.#mode });
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
      }
    }
  }

  /** When it resolves, the names in `directory`, and the names that lead to it from the root, are durable. */
  async sync(directory: string): Promise<void> {
    await syncDirectory(directory);
    for (let path = directory; path !== this.#root; path = dirname(path)) {
      const { dev, ino, birthtimeNs } = await stat(path, { bigint: true });
      const identity = `${dev}:${ino}:${birthtimeNs}`;
      if (this.#durable.get(path) === identity) continue;
      await syncDirectory(dirname(path));
      if (this.#durable.size >= MOST_REMEMBERED) this.#durable.clear();
      this.#durable.set(path, identity);
    }
  }
}
