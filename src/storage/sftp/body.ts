import { Failure } from '../../domain/failure.ts';
import { closeFile } from './files.ts';
import type { Session } from './session.ts';
import { hasStatus, STATUS, translating } from './status.ts';

/** Pieces that are asked for ahead, and so the most that is held: 2 MiB, the window of a channel in ssh2. */
const AHEAD = 8;

interface OpenFile {
  readonly session: Session;
  readonly handle: Buffer;
  readonly path: string;
  readonly signal: AbortSignal;
}

/** Reads ahead, and gives the pieces in order. Not a generator: one that is closed before its first step would not release the file. */
export class SftpBody implements AsyncIterableIterator<Uint8Array> {
  readonly #file: OpenFile;
  readonly #end: number;
  readonly #pieces: Promise<Uint8Array>[] = [];
  #asked: number;
  #open = true;

  constructor(file: OpenFile, start: number, end: number) {
    this.#file = file;
    this.#asked = start;
    this.#end = end;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (!this.#open) return { done: true, value: undefined };
    try {
      this.#file.signal.throwIfAborted();
      while (this.#asked < this.#end && this.#pieces.length < AHEAD) this.#ask();
      const value = await this.#pieces.shift();
      return value === undefined ? await this.return() : { done: false, value };
    } catch (error) {
      await this.return();
      throw error;
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    if (this.#open) {
      this.#open = false;
      this.#pieces.length = 0;
      closeFile(this.#file.session, this.#file.handle);
    }
    return { done: true, value: undefined };
  }

  #ask(): void {
    const start = this.#asked;
    this.#asked = Math.min(this.#end, start + this.#file.session.chunk);
    const piece = readPiece(this.#file, start, this.#asked);
    // Its error comes out when its turn has come; until then it is nobody's.
    piece.catch(() => undefined);
    this.#pieces.push(piece);
  }
}

/** A server may give less than it was asked for; only the end of the file is an end. */
async function readPiece(file: OpenFile, start: number, end: number): Promise<Uint8Array> {
  const { session, handle, path, signal } = file;
  const piece = Buffer.allocUnsafeSlow(end - start);
  let done = 0;
  while (done < piece.length) {
    const from = done;
    const count = await translating(`read ${path}`, async () => {
      try {
        return await session.transfer(async () =>
          session.ask<number>(signal, (sftp, answer) =>
            sftp.read(handle, piece, from, piece.length - from, start + from, answer),
          ),
        );
      } catch (error) {
        if (hasStatus(error, STATUS.endOfFile)) return 0;
        throw error;
      }
    });
    if (count === 0) {
      throw new Failure('store.incomplete', { message: `${path} ends at byte ${start + done}, before byte ${end}` });
    }
    done += count;
  }
  return piece;
}
