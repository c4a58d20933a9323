import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../domain/error-code.ts';
import { Failure } from '../domain/failure.ts';
import type { SiteRepository } from './site-repository.ts';

/**
 * Copies of encrypted manifests as they were before encryption, beside whoever wrote them: which chunks are stored already can then be told
 * without the private key. They may be lost or removed at any time; then a backup stores everything anew. A copy is known by its hash, which
 * the backup's marker holds, so a wrong one is never taken.
 */
interface Copy extends AsyncDisposable {
  /** Bytes as they pass into the copy. */
  tee(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** Makes it findable, and removes older ones. */
  keep(measure: Measure): Promise<void>;
}

interface Measure {
  readonly size: number;
  readonly sha256: string;
}

/** Of each site: the newest of some repositories, and one before, where the newest backup cannot be read. */
const KEPT = 6;

const folderOf = ({ site }: SiteRepository, cacheDirectory: string): string => join(cacheDirectory, 'manifests', site);

/** That a copy cannot be written stops nothing: it only costs space in the repository later. */
export async function keepingCopy(repo: SiteRepository): Promise<Copy> {
  const { cacheDirectory } = repo;
  if (cacheDirectory === undefined) return NO_COPY;
  const folder = folderOf(repo, cacheDirectory);
  const temporary = join(folder, `.${randomBytes(8).toString('hex')}`);
  let file: FileHandle | undefined;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    file = await open(temporary, 'wx', 0o600);
  } catch {
    return NO_COPY;
  }
  let whole = true;
  const handle = file;
  return {
    async *tee(bytes) {
      for await (const piece of bytes) {
        if (whole) {
          await handle.appendFile(piece).catch(() => {
            whole = false;
          });
        }
        yield piece;
      }
    },
    async keep({ sha256 }) {
      if (!whole) return;
      await rename(temporary, join(folder, sha256)).catch(() => undefined);
      await removeOld(folder).catch(() => undefined);
    },
    async [Symbol.asyncDispose]() {
      await handle.close();
      await rm(temporary, { force: true });
    },
  };
}

const NO_COPY: Copy = {
  tee: (bytes) => bytes,
  keep: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

async function removeOld(folder: string): Promise<void> {
  const names = await readdir(folder);
  const files = await Promise.all(
    names.map(async (name) => ({ path: join(folder, name), time: (await stat(join(folder, name))).mtimeMs })),
  );
  const old = files.sort((a, b) => b.time - a.time).slice(KEPT);
  for (const { path } of old) await rm(path, { force: true });
}

/** The copy with this hash. `store.not-found` where there is none that can be read. */
export async function openCopy(repo: SiteRepository, { sha256 }: Measure): Promise<AsyncIterable<Uint8Array>> {
  const absent = (cause?: unknown): Failure =>
    new Failure('store.not-found', { message: 'no copy of the manifest was kept here', cause });
  const { cacheDirectory } = repo;
  if (cacheDirectory === undefined) throw absent();
  const path = join(folderOf(repo, cacheDirectory), sha256);
  try {
    await stat(path);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    throw absent(error);
  }
  return createReadStream(path, { highWaterMark: 128 * 1024 });
}
