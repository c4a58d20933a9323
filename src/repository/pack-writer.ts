import type { PackKey } from '../codec/encryption.ts';
import { bytesOf } from '../domain/bytes.ts';
import { Failure } from '../domain/failure.ts';
import { instant } from '../domain/instant.ts';
import type { BackupId, PackReference, StoredPack } from '../domain/observed.ts';
import { ByteQueue } from './byte-queue.ts';
import { MAX_PACK_NUMBER, packKey, packReference } from './layout.ts';
import { measured, newMeasure, summed } from './measured.ts';
import { type SummedPack, writePackSums } from './pack-sums.ts';
import type { SiteRepository } from './site-repository.ts';

/** Where a chunk's frame lies. */
export interface ChunkLocation {
  readonly pack: PackReference;
  readonly offset: number;
  readonly length: number;
  /** Bytes of the packets with the pack's key, at its beginning; absent where it is not encrypted. */
  readonly keyBytes?: number;
}

/** Room for a frame in a pack. */
interface PackSpace {
  /** What the frame has to be encrypted with; undefined where the pack is not encrypted. */
  readonly sessionKey: Uint8Array | undefined;
}

/** Puts frames back to back into packs of one backup. */
export interface PackWriter {
  /**
   * Room for the frame of so many plain bytes, before it is known how many it will have: the key to encrypt it with is the pack's. Every space
   * is to be filled by `append`, in the order in which they were given out. Resolves when a pack is open: back-pressure.
   */
  reserve(plainBytes: number): Promise<PackSpace>;
  /**
   * Resolves when the frame is accepted and there is room for the next: back-pressure. May be called again before that; frames are
   * stored in the order of the calls. The frame's bytes must not change afterwards. Rejects when any pack could not be stored.
   */
  append(space: PackSpace, frame: Uint8Array): Promise<ChunkLocation>;
  /** Waits until all packs are durable, and then makes their SHA256SUMS so; without packs there is none. `bytes` is their sum. Only once. */
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
  readonly key: PackKey | undefined;
  size: number;
  /** Plain bytes of the spaces that were given out and are not filled. */
  reserved: number;
  /** Spaces that are not filled. */
  spaces: number;
  /** Another pack was opened after it: it ends when its spaces are filled. */
  full: boolean;
}

class Space implements PackSpace {
  readonly pack: OpenPack;
  readonly plainBytes: number;

  constructor(pack: OpenPack, plainBytes: number) {
    this.pack = pack;
    this.plainBytes = plainBytes;
    pack.reserved += plainBytes;
    pack.spaces += 1;
  }

  get sessionKey(): Uint8Array | undefined {
    return this.pack.key?.sessionKey;
  }
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
  readonly #stored: (StoredPack & SummedPack)[] = [];
  readonly #uploads = new Set<Promise<void>>();
  #current: OpenPack | undefined;
  /** Packs that more may come for: the current one, and full ones until their last space is filled. */
  readonly #filling = new Set<OpenPack>();
  #next = 0;
  #failure: { readonly error: unknown } | undefined;
  /** The end of the line of appends. */
  #turn: Promise<unknown> = Promise.resolve();
  /** The end of the line of reservations. */
  #opening: Promise<unknown> = Promise.resolve();

  constructor(repo: SiteRepository, backup: BackupId, target: number, signal: AbortSignal) {
    this.#repo = repo;
    this.#backup = backup;
    this.#target = target;
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
  }

  reserve(plainBytes: number): Promise<PackSpace> {
    const reserved = this.#opening.then(() => this.#reserve(plainBytes));
    this.#opening = reserved.catch(() => undefined);
    return reserved;
  }

  append(space: PackSpace, frame: Uint8Array): Promise<ChunkLocation> {
    if (!(space instanceof Space))
      throw new Failure('bug', { message: 'a frame was put into a space of another writer' });
    const placed = this.#turn.then(() => this.#place(space, frame));
    this.#turn = placed.catch(() => undefined);
    return placed;
  }

  async close(): Promise<{ readonly packs: readonly StoredPack[]; readonly bytes: number }> {
    await this.#opening;
    await this.#turn;
    for (const pack of this.#filling) this.#end(pack);
    await Promise.all(this.#uploads);
    this.#throwIfFailed();
    const packs = this.#stored.toSorted((a, b) => a.number - b.number);
    if (packs.length > 0) await writePackSums(this.#repo, this.#backup, packs, this.#signal);
    return { packs, bytes: packs.reduce((sum, pack) => sum + pack.size, 0) };
  }

  async abort(reason: unknown): Promise<void> {
    this.#fail(reason);
    await Promise.all(this.#uploads);
  }

  async #place(space: Space, frame: Uint8Array): Promise<ChunkLocation> {
    this.#throwIfFailed();
    const { pack } = space;
    const offset = pack.size;
    pack.size += frame.byteLength;
    pack.reserved -= space.plainBytes;
    pack.spaces -= 1;
    await pack.queue.push(frame);
    if (pack.full && pack.spaces === 0) this.#end(pack);
    const place = { pack: this.#reference(pack), offset, length: frame.byteLength };
    return pack.key ? { ...place, keyBytes: pack.key.header.byteLength } : place;
  }

  #reference({ number, key }: OpenPack): PackReference {
    return packReference(this.#backup, number, key !== undefined);
  }

  async #reserve(plainBytes: number): Promise<PackSpace> {
    this.#throwIfFailed();
    const open = this.#current;
    if (open) {
      const used = open.size + open.reserved;
      // Before their size is known, frames count as large as their content.
      if (used + plainBytes <= this.#target || used === (open.key?.header.byteLength ?? 0))
        return new Space(open, plainBytes);
      this.#current = undefined;
      open.full = true;
      if (open.spaces === 0) this.#end(open);
    }
    while (this.#uploads.size >= MAX_UPLOADS) await Promise.race(this.#uploads);
    this.#throwIfFailed();
    if (this.#next > MAX_PACK_NUMBER) {
      throw new Failure('backup.failed', {
        message: `backup ${this.#backup} needs more than ${MAX_PACK_NUMBER} packs`,
      });
    }
    const encryptor = await this.#repo.encryptor?.();
    const pack = this.#open(this.#next, await encryptor?.newPackKey());
    this.#next += 1;
    this.#current = pack;
    if (pack.key) await pack.queue.push(pack.key.header);
    return new Space(pack, plainBytes);
  }

  #open(number: number, key: PackKey | undefined): OpenPack {
    const pack: OpenPack = {
      number,
      queue: new ByteQueue(QUEUE_BYTES),
      key,
      size: key?.header.byteLength ?? 0,
      reserved: 0,
      spaces: 0,
      full: false,
    };
    this.#filling.add(pack);
    const upload: Promise<void> = this.#upload(pack)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#uploads.delete(upload));
    this.#uploads.add(upload);
    return pack;
  }

  async #upload(pack: OpenPack): Promise<void> {
    const reference = this.#reference(pack);
    const measure = newMeasure();
    const info = await this.#repo.store.put(packKey(this.#repo.site, reference), measured(pack.queue, measure), {
      ifAbsent: true,
      signal: this.#signal,
    });
    if (info.size !== pack.size) {
      throw new Failure('store.incomplete', {
        message: `pack ${pack.number} has ${info.size} bytes in the store, but ${pack.size} were written`,
      });
    }
    const { sha256 } = summed(measure);
    this.#stored.push({ ...reference, size: bytesOf(info.size), storedAt: instant(info.storedAt), sha256 });
  }

  #end(pack: OpenPack): void {
    this.#filling.delete(pack);
    pack.queue.end();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { queue } of this.#filling) queue.fail(this.#failure.error);
    this.#stop.abort(this.#failure.error);
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
    this.#signal.throwIfAborted();
  }
}
