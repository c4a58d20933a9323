import { Failure } from '../../domain/failure.ts';
import { AbortableSteps } from '../abortable.ts';
import { isPassing } from './attempts.ts';
import type { DriverObject } from './driver.ts';
import { ProgressWatch } from './progress-watch.ts';
import type { RemoteParts } from './remote-parts.ts';

/** How often a body may break off without having brought `PROGRESS_BYTES` in between. */
const TRIES = 8;
const PROGRESS_BYTES = 64 * 1024;

interface Range {
  readonly offset: number;
  readonly length: number;
}

interface Connection {
  readonly pieces: AsyncIterator<Uint8Array>;
  readonly steps: AbortableSteps;
  readonly watch: ProgressWatch;
  /** `reading`: a piece is awaited, or what was awaited failed. */
  state: 'idle' | 'reading' | 'ended';
}

/**
 * The body of an object or range; one that breaks off goes on from where it stopped, in the same version of the object. It counts
 * against the repository's concurrency only while a piece is awaited, so that two bodies read in turn cannot block each other.
 * Not a generator: one that is closed before its first step would not release the connection.
 */
export class RemoteBody implements AsyncIterableIterator<Uint8Array> {
  readonly #remote: RemoteParts;
  readonly #key: string;
  readonly #range: Range | undefined;
  readonly #signal: AbortSignal;
  #connection: Connection | undefined;
  #version: string | undefined;
  #size: number | undefined;
  #position: number;
  #end = 0;
  #failures = 0;
  #failedAt = 0;
  #closed = false;

  constructor(remote: RemoteParts, key: string, range: Range | undefined, signal: AbortSignal) {
    this.#remote = remote;
    this.#key = key;
    this.#range = range;
    this.#signal = signal;
    this.#position = range?.offset ?? 0;
    this.#failedAt = this.#position;
  }

  /** Connects, so that an absent object is known before the first step. */
  async open(): Promise<void> {
    this.#connection = await this.#connect();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#closed) return { done: true, value: undefined };
    try {
      for (;;) {
        const piece = await this.#step();
        if (piece === 'ended') return await this.return();
        if (piece !== undefined) return { done: false, value: piece };
      }
    } catch (error) {
      await this.return();
      throw error;
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#closed = true;
    await this.#disconnect();
    return { done: true, value: undefined };
  }

  /** The next piece; undefined where there is none yet. */
  async #step(): Promise<Uint8Array | 'ended' | undefined> {
    this.#signal.throwIfAborted();
    try {
      this.#connection ??= await this.#connect();
      const piece = await this.#pull(this.#connection);
      if (piece === undefined) return this.#ended();
      if (piece.length === 0) return undefined;
      this.#advance(piece);
      await this.#remote.limits.download.take(piece.length, this.#signal);
      return piece;
    } catch (error) {
      await this.#disconnect();
      this.#signal.throwIfAborted();
      // At the end there is nothing left to ask for, and what ended the body may have been its checksum.
      if (!isPassing(error) || this.#position === this.#end) throw error;
      await this.#beforeNextTry(error);
      return undefined;
    }
  }

  async #pull(connection: Connection): Promise<Uint8Array | undefined> {
    const { pieces, steps, watch } = connection;
    return this.#remote.limits.gate.run(this.#signal, async () => {
      watch.signal.throwIfAborted();
      connection.state = 'reading';
      const step = await watch.waitFor(steps.orAbort(pieces.next()), ({ done, value }) => (done ? 0 : value.length));
      connection.state = step.done === true ? 'ended' : 'idle';
      return step.done === true ? undefined : step.value;
    });
  }

  #ended(): 'ended' {
    if (this.#position === this.#end) return 'ended';
    throw new Failure('store.unavailable', {
      message: `${this.#what} ended at byte ${this.#position}, before byte ${this.#end}`,
    });
  }

  #advance(piece: Uint8Array): void {
    if (this.#position + piece.length > this.#end) {
      throw new Failure('store.incomplete', { message: `${this.#what} brought more than its end, byte ${this.#end}` });
    }
    this.#position += piece.length;
  }

  async #beforeNextTry(error: Failure): Promise<void> {
    if (this.#position - this.#failedAt >= PROGRESS_BYTES) this.#failures = 0;
    this.#failedAt = this.#position;
    this.#failures += 1;
    if (this.#failures >= TRIES) {
      throw new Failure(error.code, {
        message: `${error.message} (broken off ${TRIES} times near byte ${this.#position})`,
        ...(error.hint !== undefined && { hint: error.hint }),
        cause: error,
      });
    }
    await this.#remote.attempts.pause(this.#failures, error, this.#signal);
  }

  async #connect(): Promise<Connection> {
    const { attempts } = this.#remote;
    return attempts.run(this.#signal, async () => this.#request());
  }

  async #request(): Promise<Connection> {
    const { driver, clock, progress } = this.#remote;
    const watch = new ProgressWatch(this.#what, progress, clock, this.#signal);
    try {
      const request = driver.read(this.#key, {
        signal: watch.signal,
        range: this.#version === undefined ? this.#range : this.#rest,
        version: this.#version,
      });
      const object = await watch.waitFor(request, () => 0);
      const pieces = object.body[Symbol.asyncIterator]();
      const problem = this.#accept(object);
      if (problem !== undefined) {
        await pieces.return?.();
        throw problem;
      }
      return { pieces, steps: new AbortableSteps(watch.signal), watch, state: 'idle' };
    } catch (error) {
      watch[Symbol.dispose]();
      throw error;
    }
  }

  /** Drivers look at the version by themselves; pieces of two objects must never be one body. */
  #accept({ size, version }: DriverObject): Failure | undefined {
    if (this.#version !== undefined && (version !== this.#version || size !== this.#size)) {
      return new Failure('store.changed', { message: `${this.#what} was replaced while it was being read` });
    }
    const end = this.#range === undefined ? size : this.#range.offset + this.#range.length;
    if (end > size) {
      return new Failure('store.incomplete', {
        message: `${this.#what} has ${size} bytes, but bytes up to ${end} were asked for`,
      });
    }
    this.#version = version;
    this.#size = size;
    this.#end = end;
    return undefined;
  }

  get #rest(): Range {
    return { offset: this.#position, length: this.#end - this.#position };
  }

  get #what(): string {
    return `${this.#key} in ${this.#remote.driver.description}`;
  }

  async #disconnect(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    const { pieces, steps, watch, state } = connection;
    const aborted = watch.signal.aborted;
    watch[Symbol.dispose]();
    steps[Symbol.dispose]();
    if (state === 'ended') return;
    const closing = pieces.return?.();
    // A hanging body queues return() behind its pending next(): waiting for it would hang as well.
    if (state === 'reading' || aborted) closing?.then(undefined, () => undefined);
    else await closing;
  }
}
