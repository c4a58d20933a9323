import type { SFTPWrapper } from 'ssh2';
import { Failure } from '../../domain/failure.ts';
import { StatusError, statusOf } from './status.ts';

/** What a request or an answer carries at most where the server does not say (ssh2's own bound for servers that are not OpenSSH). */
const PLAIN_CHUNK = 31_952;
/** `limits@openssh.com` of OpenSSH: 255 KiB. Above it ssh2 would cut requests itself, and send the pieces one after the other. */
const LARGEST_CHUNK = 255 * 1024;
/** Requests with data on their way at once, for all transfers together: 8 MiB, four times the window of an SSH channel. */
const OUTSTANDING = 32;

type Answer<T> = (error: Error | null | undefined, value: T) => void;

/** One SFTP channel of one SSH connection. Requests may be sent while others are not answered yet. */
export class Session {
  readonly chunk: number;
  /** Whether the server says of a file that it is durable: `fsync@openssh.com`. */
  readonly syncs: boolean;
  readonly #sftp: SFTPWrapper;
  readonly #waiting = new Set<(error: Error) => void>();
  readonly #queue: (() => void)[] = [];
  #free = OUTSTANDING;
  #lost: Failure | undefined;

  constructor(sftp: SFTPWrapper) {
    this.#sftp = sftp;
    this.syncs = announces(sftp, 'fsync@openssh.com');
    this.chunk = Math.min(LARGEST_CHUNK, limitOf(sftp, '_maxReadLen'), limitOf(sftp, '_maxWriteLen'));
  }

  /** False once the connection is gone: the next request needs another session. */
  get usable(): boolean {
    return this.#lost === undefined;
  }

  /** Everything that waits fails now, and every later request. */
  lose(failure: Failure): void {
    if (this.#lost !== undefined) return;
    this.#lost = failure;
    for (const reject of this.#waiting) reject(failure);
  }

  /**
   * Sends a request and gives its answer. Rejects with a StatusError where the server refused it, the signal's reason, or
   * `store.unavailable`. `late` gets an answer that came after an abort: what was opened has to be closed.
   */
  async ask<T>(
    signal: AbortSignal,
    send: (sftp: SFTPWrapper, done: Answer<T>) => void,
    late?: (value: T) => void,
  ): Promise<T> {
    signal.throwIfAborted();
    if (this.#lost !== undefined) throw this.#lost;
    let settle: () => void = () => undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        const abort = (): void => reject(signal.reason);
        signal.addEventListener('abort', abort, { once: true });
        this.#waiting.add(reject);
        settle = () => {
          signal.removeEventListener('abort', abort);
          this.#waiting.delete(reject);
        };
        send(this.#sftp, (error, value) => {
          if (error !== undefined && error !== null) reject(error);
          else if (signal.aborted) late?.(value);
          else resolve(value);
        });
      });
    } catch (error) {
      if (signal.aborted || error instanceof Failure) throw error;
      const status = statusOf(error);
      if (status !== undefined) throw new StatusError(status, error);
      throw this.#lost ?? brokenOff(error);
    } finally {
      settle();
    }
  }

  async run(
    signal: AbortSignal,
    send: (sftp: SFTPWrapper, done: (error?: Error | null) => void) => void,
  ): Promise<void> {
    await this.ask<undefined>(signal, (sftp, done) => send(sftp, (error) => done(error, undefined)));
  }

  /** Runs `work`, a request that carries data, when fewer than the most are on their way. */
  async transfer<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => void this.#queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

/** The limits that ssh2 has agreed with the server; it has no public name for them. */
function limitOf(sftp: SFTPWrapper, name: string): number {
  const value: unknown = Reflect.get(sftp, name);
  return typeof value === 'number' && value > 0 ? value : PLAIN_CHUNK;
}

/** The extensions that the server has announced; no public name for them either. */
function announces(sftp: SFTPWrapper, name: string): boolean {
  const all: unknown = Reflect.get(sftp, '_extensions');
  return typeof all === 'object' && all !== null && Object.hasOwn(all, name);
}

/** `No response from server`, `Unexpected end event` and the like: ssh2 has no codes for them. */
export function brokenOff(cause: unknown): Failure {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Failure('store.unavailable', { message: `the SFTP connection broke off: ${why}`, cause });
}
