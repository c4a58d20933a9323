import { bytesOf } from '../domain/bytes.ts';
import { Failure } from '../domain/failure.ts';
import { instant } from '../domain/instant.ts';
import type { BackupId, PackReference, StoredPack } from '../domain/observed.ts';
import { ByteQueue } from './byte-queue.ts';
import { MAX_PACK_NUMBER, packKey } from './layout.ts';
import type { SiteRepository } from './site-repository.ts';

/** Where a chunk's frame lies. */
export interface ChunkLocation {
  readonly pack: PackReference;
  readonly offset: number;
  readonly length: number;
}

/** Puts frames back to back into packs of one backup. */
export interface PackWriter {
  /**
   * Resolves when the frame is accepted and there is room for the next: back-pressure. May be called again before that; frames are
   * stored in the order of the calls. The frame's bytes must not change afterwards. Rejects when any pack could not be stored.
   */
  append(frame: Uint8Array): Promise<ChunkLocation>;
  /** Waits until all packs are durable. `bytes` is their sum. */
  close(): Promise<{ readonly packs: readonly StoredPack[]; readonly bytes: number }>;
  /** Stops at once. Packs that are already complete stay behind as orphans, which the next pass removes. */
  abort(reason: unknown): Promise<void>;
}

/** Large enough that requests and listings stay few, small enough that an upload can be repeated and a pack be pruned. */
const TARGET_BYTES = 64 * 1024 * 1024;

/** Between the backup and one upload: a few chunks, so that neither waits for each piece of the other. */
const QUEUE_BYTES = 4 * 1024 * 1024;

/** One pack being filled, one whose upload is ending (fsync, last part). */
const MAX_UPLOADS = 2;

interface OpenPack {
  readonly number: number;
  readonly queue: ByteQueue;
  size: number;
}

export function createPackWriter(
  repo: SiteRepository,
  backup: BackupId,
  options: { readonly targetBytes?: number; readonly signal: AbortSignal },
): PackWriter {
  return new StreamingPackWriter(repo, backup, options.targetBytes ?? TARGET_BYTES, options.signal);
}

class StreamingPackWriter implements PackWriter {
  readonly #repo: SiteRepository;
  readonly #backup: BackupId;
  readonly #target: number;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #stored: StoredPack[] = [];
  readonly #uploads = new Set<Promise<void>>();
  #current: OpenPack | undefined;
  #next = 0;
  #failure: { readonly error: unknown } | undefined;
  /** The end of the line of appends. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(repo: SiteRepository, backup: BackupId, target: number, signal: AbortSignal) {
    this.#repo = repo;
    this.#backup = backup;
    this.#target = target;
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
  }

  append(frame: Uint8Array): Promise<ChunkLocation> {
    const placed = this.#turn.then(() => this.#place(frame));
    this.#turn = placed.catch(() => undefined);
    return placed;
  }

  async close(): Promise<{ readonly packs: readonly StoredPack[]; readonly bytes: number }> {
    await this.#turn;
    this.#current?.queue.end();
    await Promise.all(this.#uploads);
    this.#throwIfFailed();
    const packs = this.#stored.toSorted((a, b) => a.number - b.number);
    return { packs, bytes: packs.reduce((sum, pack) => sum + pack.size, 0) };
  }

  async abort(reason: unknown): Promise<void> {
    this.#fail(reason);
    await Promise.all(this.#uploads);
  }

  async #place(frame: Uint8Array): Promise<ChunkLocation> {
    this.#throwIfFailed();
    const pack = await this.#packFor(frame.byteLength);
    const offset = pack.size;
    pack.size += frame.byteLength;
    await pack.queue.push(frame);
    return { pack: { backup: this.#backup, number: pack.number }, offset, length: frame.byteLength };
  }

  async #packFor(length: number): Promise<OpenPack> {
    if (this.#current && this.#current.size > 0 && this.#current.size + length > this.#target) {
      this.#current.queue.end();
      this.#current = undefined;
    }
    if (this.#current) return this.#current;
    while (this.#uploads.size >= MAX_UPLOADS) await Promise.race(this.#uploads);
    this.#throwIfFailed();
    if (this.#next > MAX_PACK_NUMBER) {
      throw new Failure('backup.failed', {
        message: `backup ${this.#backup} needs more than ${MAX_PACK_NUMBER} packs`,
      });
    }
    this.#current = this.#open(this.#next);
    this.#next += 1;
    return this.#current;
  }

  #open(number: number): OpenPack {
    const pack: OpenPack = { number, queue: new ByteQueue(QUEUE_BYTES), size: 0 };
    const upload: Promise<void> = this.#upload(pack)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#uploads.delete(upload));
    this.#uploads.add(upload);
    return pack;
  }

  async #upload(pack: OpenPack): Promise<void> {
    const reference = { backup: this.#backup, number: pack.number };
    const info = await this.#repo.store.put(packKey(this.#repo.site, reference), pack.queue, {
      ifAbsent: true,
      signal: this.#signal,
    });
    if (info.size !== pack.size) {
      throw new Failure('store.incomplete', {
        message: `pack ${pack.number} has ${info.size} bytes in the store, but ${pack.size} were written`,
      });
    }
    this.#stored.push({ ...reference, size: bytesOf(info.size), storedAt: instant(info.storedAt) });
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#current?.queue.fail(this.#failure.error);
    this.#stop.abort(this.#failure.error);
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
    this.#signal.throwIfAborted();
  }
}
