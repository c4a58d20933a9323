import { Failure } from '../../domain/failure.ts';
import { AbortableSteps } from '../abortable.ts';
import type { ObjectBody } from '../object-store.ts';
import type { Body } from './driver.ts';

/** Smaller pieces are copied together: each would cost more memory than it holds. */
const SMALL_PIECE = 16 * 1024;
const SLAB = 64 * 1024;

/** Cuts a body into parts of any wanted size. Holds what was read and not taken yet, and so at most one piece more than it was asked for. */
export class PartReader implements AsyncDisposable {
  readonly #key: string;
  readonly #size: number | undefined;
  readonly #body: ObjectBody;
  readonly #signal: AbortSignal;
  readonly #steps: AbortableSteps;
  #source: AsyncIterator<Uint8Array> | undefined;
  #reading = false;
  #pieces: Uint8Array[] = [];
  /** What of the last piece in `#pieces` is still free, where it is a slab of ours. */
  #slabFree = 0;
  /** The last piece in `#pieces` is a small one that came alone. */
  #lone = false;
  #buffered = 0;
  #read = 0;
  #ended = false;

  /** `size` where it was announced: a body that is shorter or longer is `store.incomplete`. */
  constructor(key: string, body: ObjectBody, size: number | undefined, signal: AbortSignal) {
    this.#key = key;
    this.#size = size;
    this.#body = body;
    this.#signal = signal;
    this.#steps = new AbortableSteps(signal);
  }

  /** Bytes taken so far. */
  get taken(): number {
    return this.#read - this.#buffered;
  }

  /** Whether the body has more than `length` bytes left; reads as far as that takes. */
  async hasMoreThan(length: number): Promise<boolean> {
    while (!this.#ended && this.#buffered <= length) {
      this.#signal.throwIfAborted();
      this.#source ??= this.#body[Symbol.asyncIterator]();
      this.#reading = true;
      const step = await this.#steps.orAbort(this.#source.next());
      this.#reading = false;
      if (step.done === true) this.#end();
      else this.#add(step.value);
    }
    return this.#buffered > length;
  }

  /** The next `length` bytes, or what is left of the body; `last` where nothing comes after them. */
  async take(length: number): Promise<{ readonly body: Body; readonly last: boolean }> {
    const last = !(await this.hasMoreThan(length));
    const pieces: Uint8Array[] = [];
    let left = Math.min(length, this.#buffered);
    const body: Body = { pieces, length: left };
    let used = 0;
    this.#closeSlab();
    for (const piece of this.#pieces) {
      if (left === 0) break;
      const part = piece.subarray(0, left);
      pieces.push(part);
      left -= part.length;
      if (part.length < piece.length) this.#pieces[used] = piece.subarray(part.length);
      else used += 1;
    }
    this.#pieces.splice(0, used);
    this.#buffered -= body.length;
    return { body, last };
  }

  /** Closes the body; one that hangs is not waited for. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#pieces = [];
    this.#steps[Symbol.dispose]();
    if (this.#ended) return;
    this.#source ??= this.#body[Symbol.asyncIterator]();
    this.#steps.abort(new Error('the put has ended'));
    const closing = this.#source.return?.();
    // A hanging generator queues return() behind its pending next(): waiting for it would hang as well.
    if (this.#reading || this.#signal.aborted) closing?.then(undefined, () => undefined);
    else await closing;
  }

  #end(): void {
    this.#ended = true;
    if (this.#read < (this.#size ?? 0)) throw this.#wrongSize(`${this.#read} bytes, less`);
  }

  #add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    if (this.#read + piece.length > (this.#size ?? Number.POSITIVE_INFINITY)) throw this.#wrongSize('more');
    this.#read += piece.length;
    this.#buffered += piece.length;
    if (piece.length >= SMALL_PIECE) {
      this.#closeSlab();
      this.#pieces.push(piece);
      return;
    }
    const lone = this.#lone ? this.#pieces.pop() : undefined;
    this.#lone = false;
    if (lone === undefined && this.#slabFree < piece.length) {
      // A small body is one piece; a slab for it would cost more than all the rest of its put.
      this.#closeSlab();
      this.#pieces.push(ownMemory(piece));
      this.#lone = true;
      return;
    }
    if (lone !== undefined) {
      this.#pieces.push(new Uint8Array(SLAB));
      this.#slabFree = SLAB;
      this.#fill(lone);
    }
    this.#fill(piece);
  }

  #fill(piece: Uint8Array): void {
    this.#pieces.at(-1)?.set(piece, SLAB - this.#slabFree);
    this.#slabFree -= piece.length;
  }

  #closeSlab(): void {
    const slab = this.#pieces.at(-1);
    if (slab !== undefined && this.#slabFree > 0) {
      // The unused rest of a nearly empty slab would count in nobody's budget.
      const used = SLAB - this.#slabFree;
      this.#pieces[this.#pieces.length - 1] = used < SMALL_PIECE ? slab.slice(0, used) : slab.subarray(0, used);
    }
    this.#slabFree = 0;
    this.#lone = false;
  }

  #wrongSize(found: string): Failure {
    return new Failure('store.incomplete', {
      message: `the body of ${this.#key} has ${found} than the announced ${this.#size} bytes`,
    });
  }
}

/** The piece, without more memory behind it than it needs. */
const ownMemory = (piece: Uint8Array): Uint8Array =>
  piece.buffer.byteLength > 2 * piece.length ? Uint8Array.prototype.slice.call(piece) : piece;
