import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Failure } from '../domain/failure.ts';
import type { ChunkJob, ChunkResult, WorkerSettings } from './chunk-job.ts';
import type { CodecName } from './codec.ts';

/** A chunk as it is stored. */
export interface EncodedChunk {
  readonly bytes: Uint8Array;
  /** `none` where it did not shrink. */
  readonly codec: CodecName;
}

/** What ChunkWorkers do for whoever stores chunks. */
export type ChunkEncoder = Pick<ChunkWorkers, 'digest' | 'encode'>;

/**
 * Hashes, compresses and encrypts chunks in worker threads, so that the thread that reads and stores is free. What they work on lies in shared
 * memory (`sharedBuffer`): nothing is copied to them, and what they give is handed over. Every job waits for a free worker; whoever gives
 * them bounds their number.
 */
export class ChunkWorkers implements AsyncDisposable {
  readonly #workers: readonly ChunkWorker[];
  readonly #idle: ChunkWorker[];
  readonly #waiting: { readonly take: (worker: ChunkWorker) => void; readonly fail: (error: unknown) => void }[] = [];

  constructor(settings: WorkerSettings, count = defaultCount()) {
    this.#workers = Array.from({ length: count }, () => new ChunkWorker(settings));
    this.#idle = [...this.#workers];
  }

  /** SHA-256. */
  async digest(plain: Uint8Array): Promise<Buffer> {
    const result = await this.#run({ kind: 'digest', plain });
    if (result.kind === 'digest')
      return Buffer.from(result.sha256.buffer, result.sha256.byteOffset, result.sha256.byteLength);
    throw unexpected(result);
  }

  /** One frame, and where there is a session key, one packet with it. */
  async encode(plain: Uint8Array, sessionKey: Uint8Array | undefined): Promise<EncodedChunk> {
    const result = await this.#run({ kind: 'encode', plain, sessionKey });
    if (result.kind === 'encode') return result;
    throw unexpected(result);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = new Failure('interrupted', { message: 'the work on chunks was stopped' });
    for (const { fail } of this.#waiting.splice(0)) fail(stopped);
    await Promise.all(this.#workers.map((worker) => worker.stop(stopped)));
  }

  async #run(job: ChunkJob): Promise<ChunkResult> {
    const worker = this.#idle.pop() ?? (await this.#next());
    try {
      return await worker.run(job);
    } finally {
      const next = this.#waiting.shift();
      if (next) next.take(worker);
      else this.#idle.push(worker);
    }
  }

  #next(): Promise<ChunkWorker> {
    return new Promise((resolve, reject) => this.#waiting.push({ take: resolve, fail: reject }));
  }
}

/** A buffer that worker threads see without a copy. */
export const sharedBuffer = (size: number): Buffer => Buffer.from(new SharedArrayBuffer(size));

/** As many as there are cores, but no more than the daemon's own default: a database works on the same host. */
const MOST_WORKERS = 4;

const defaultCount = (): number => Math.min(availableParallelism(), MOST_WORKERS);

/** The program beside this file: as it is in a checkout, compiled in the package. */
const PROGRAM = new URL(`./chunk-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** One thread, one job at a time. */
class ChunkWorker {
  readonly #thread: Worker;
  #answer: PromiseWithResolvers<ChunkResult> | undefined;
  #broken: Failure | undefined;

  constructor(settings: WorkerSettings) {
    // Without the flags of this process: what they load is not meant for a thread that only computes.
    this.#thread = new Worker(PROGRAM, { workerData: settings, execArgv: [] });
    // A thread that waits for work does not keep the process.
    this.#thread.unref();
    this.#thread.on('message', (result: ChunkResult) => this.#answer?.resolve(result));
    this.#thread.on('error', (error) => this.#break(`failed: ${error.message}`, error));
    this.#thread.on('exit', (status) => this.#break(`ended with status ${status}`));
  }

  async run(job: ChunkJob): Promise<ChunkResult> {
    if (this.#broken) throw this.#broken;
    const answer = Promise.withResolvers<ChunkResult>();
    this.#answer = answer;
    this.#thread.ref();
    try {
      this.#thread.postMessage(job);
      return await answer.promise;
    } finally {
      this.#answer = undefined;
      this.#thread.unref();
    }
  }

  async stop(reason: Failure): Promise<void> {
    this.#broken ??= reason;
    this.#answer?.reject(reason);
    await this.#thread.terminate();
  }

  #break(what: string, cause?: unknown): void {
    this.#broken ??= new Failure('bug', { message: `a worker thread ${what}`, cause });
    this.#answer?.reject(this.#broken);
  }
}

function unexpected(result: ChunkResult): Failure {
  if (result.kind === 'failed') return new Failure(result.code, { message: result.message });
  return new Failure('bug', { message: `a worker thread answered with ${result.kind}` });
}
