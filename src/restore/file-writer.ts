import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** A file that is being put together from chunks, which may come in any order. */
export interface UnfinishedFile {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Epoch milliseconds. */
  readonly mtime: number;
  /** Chunks that are still to come; 0 for an empty file. */
  left: number;
}

/** Chunks that are written at the same time: enough to keep four threads of libuv's pool busy, little enough for memory. */
const AT_ONCE = 8;
/** Bytes of a file after which the disk is told to begin writing: a single fsync at the end would wait for all of a big file. */
const SYNC_EVERY = 32 * 1024 * 1024;

interface OpenFile {
  readonly handle: Promise<FileHandle>;
  unsynced: number;
}

/**
 * Writes chunks into files, several at a time; each file is durable, with its mode and time, once its last chunk is written. The first error is
 * thrown by the next call; `close` must be called in every case.
 */
export class FileWriter {
  readonly #owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly #running = new Set<Promise<void>>();
  readonly #open = new Map<UnfinishedFile, OpenFile>();
  #problem: { readonly error: unknown } | undefined;

  constructor(owner: { readonly uid: number; readonly gid: number } | undefined) {
    this.#owner = owner;
  }

  /** Resolves when there is room for the next call, not when the bytes are written. Without bytes for an empty file. */
  async write(file: UnfinishedFile, offset: number, bytes: Uint8Array): Promise<void> {
    await this.#start(() => this.#write(file, offset, bytes));
  }

  /** Finishes a file whose content is complete already: the process that wrote it may have been killed before it did so itself. */
  async keep(file: UnfinishedFile): Promise<void> {
    await this.#start(async () => {
      const handle = await open(file.path, constants.O_RDWR | constants.O_NOFOLLOW);
      try {
        await this.#finish(handle, file);
      } finally {
        await handle.close();
      }
    });
  }

  async #start(work: () => Promise<void>): Promise<void> {
    while (this.#running.size >= AT_ONCE) await Promise.race(this.#running);
    this.#throwProblem();
    const task = work()
      .catch((error: unknown) => {
        this.#problem ??= { error };
      })
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  /** Resolves when everything that was given is written. */
  async drain(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwProblem();
  }

  /** Waits for what runs, and closes what was left open by an error. */
  async close(): Promise<void> {
    await Promise.all(this.#running);
    for (const { handle } of this.#open.values()) {
      await handle.then(
        (opened) => opened.close(),
        () => undefined,
      );
    }
    this.#open.clear();
  }

  #throwProblem(): void {
    if (this.#problem) throw this.#problem.error;
  }

  async #write(file: UnfinishedFile, offset: number, bytes: Uint8Array): Promise<void> {
    let current = this.#open.get(file);
    if (!current) {
      // A link in the way is an error, never followed; what an interrupted restore left is cut to nothing.
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
      current = { handle: open(file.path, flags, 0o600), unsynced: 0 };
      this.#open.set(file, current);
    }
    const handle = await current.handle;
    for (let done = 0; done < bytes.length; ) {
      done += (await handle.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
    }
    current.unsynced += bytes.length;
    if (bytes.length > 0) file.left -= 1;
    if (file.left > 0) {
      if (current.unsynced < SYNC_EVERY) return;
      current.unsynced = 0;
      await handle.datasync();
      return;
    }
    await this.#finish(handle, file);
    this.#open.delete(file);
    await handle.close();
  }

  async #finish(handle: FileHandle, file: UnfinishedFile): Promise<void> {
    if (this.#owner) await handle.chown(this.#owner.uid, this.#owner.gid);
    await handle.chmod(file.mode & 0o777);
    await handle.utimes(file.mtime / 1000, file.mtime / 1000);
    await handle.sync();
  }
}
