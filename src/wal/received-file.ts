import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Instant } from '../domain/instant.ts';
import { translatingFileErrors } from './local-file.ts';

/**
 * A file on its way to its destination. Written under a name of its own in the same directory, so that the destination is either
 * absent or complete. Two receivers of one destination never share that name: a restore_command left over from a killed server may still
 * be running.
 */
export class ReceivedFile implements AsyncDisposable {
  readonly #destination: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  #size = 0;
  #published = false;
  #closed = false;

  private constructor(destination: string, temporary: string, handle: FileHandle) {
    this.#destination = destination;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  static async create(destination: string): Promise<ReceivedFile> {
    const temporary = `${destination}${MARK}${randomBytes(8).toString('hex')}`;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const handle = await translatingFileErrors(`create ${temporary}`, async () => open(temporary, flags, 0o600));
    return new ReceivedFile(destination, temporary, handle);
  }

  get size(): number {
    return this.#size;
  }

  async write(piece: Uint8Array): Promise<void> {
    let done = 0;
    while (done < piece.byteLength) {
      const { bytesWritten } = await translatingFileErrors(`write ${this.#temporary}`, async () =>
        this.#handle.write(piece, done, piece.byteLength - done, this.#size + done),
      );
      done += bytesWritten;
    }
    this.#size += piece.byteLength;
  }

  /** Makes the content durable and gives it its name. Only for content that was verified. */
  async publish(): Promise<void> {
    await translatingFileErrors(`complete ${this.#destination}`, async () => {
      await this.#handle.sync();
      this.#closed = true;
      await this.#handle.close();
      await rename(this.#temporary, this.#destination);
      this.#published = true;
    });
  }

  /** Removes the temporary file where it was not published. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) await this.#handle.close();
    // Whatever stands against it: removeLeftovers finds it another time.
    if (!this.#published) await unlink(this.#temporary).catch(() => undefined);
  }
}

const MARK = '.hoard-';

/** No transfer of one file lasts this long: its progress deadline is a minute. */
const LEFTOVER_AGE = 60 * 60_000;

/** Removes what killed receivers of this destination left behind. Failures do not matter: it is only tidying. */
export async function removeLeftovers(destination: string, now: Instant): Promise<void> {
  const folder = dirname(destination);
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((each) => each.startsWith(`${basename(destination)}${MARK}`))) {
    const path = join(folder, name);
    const age =
      now -
      (await stat(path)
        .then(({ mtimeMs }) => mtimeMs)
        .catch(() => now));
    if (age > LEFTOVER_AGE) await unlink(path).catch(() => undefined);
  }
}
