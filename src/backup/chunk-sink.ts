import { hash } from 'node:crypto';
import type { Codec, CodecName } from '../codec/codec.ts';
import type { ChunkIndex, StoredChunk } from '../repository/chunk-index.ts';
import type { ManifestChunk } from '../repository/manifest-types.ts';
import type { PackWriter } from '../repository/pack-writer.ts';
import { BufferPool } from './buffer-pool.ts';

/** Files are cut at multiples of this: small enough that a changed page costs little, large enough to compress well (format v1). */
export const CHUNK_BYTES = 1024 * 1024;

/**
 * Chunks between reading and storing: enough to keep the codec at work while the oldest chunk waits for its turn. Each costs its buffer and
 * its frame, 2 MiB together.
 */
const CHUNKS_IN_FLIGHT = 10;

/** What looking at a chunk gave: it has a place, or will get one, or is new. */
type Looked =
  | { readonly kind: 'placed'; readonly place: Promise<StoredChunk> }
  | { readonly kind: 'new'; readonly place: Promise<StoredChunk>; readonly store: () => Promise<void> };

/**
 * Stores chunks: hashes each, looks whether it is there already, compresses new ones beside each other on the thread pool, and appends
 * them to packs in the order of the calls.
 */
export class ChunkSink {
  readonly #codec: Codec;
  readonly #index: ChunkIndex;
  readonly #writer: PackWriter;
  readonly #pool = new BufferPool(CHUNKS_IN_FLIGHT, CHUNK_BYTES);
  /** Chunks on their way by hash, so that the same content is not stored twice meanwhile. */
  readonly #underway = new Map<string, Promise<StoredChunk>>();
  /** Ends when everything put so far is appended. */
  #turn: Promise<void> = Promise.resolve();

  constructor(parts: { readonly codec: Codec; readonly index: ChunkIndex; readonly writer: PackWriter }) {
    this.#codec = parts.codec;
    this.#index = parts.index;
    this.#writer = parts.writer;
  }

  /** A buffer of CHUNK_BYTES to fill and to give to `put`. Waits while too many are underway: back-pressure. Throws what stopped the storing. */
  buffer(): Promise<Buffer> {
    return this.#pool.acquire();
  }

  /** Stores the first `size` bytes of a buffer from buffer(), which is the sink's from now on. Resolves when the chunk has its place. */
  put(buffer: Buffer, size: number): Promise<ManifestChunk> {
    const plain = buffer.subarray(0, size);
    // On this thread: the asynchronous digest of Web Crypto copies its input first, which costs as much as hashing it.
    const digest = hash('sha256', plain, 'buffer');
    const looking = this.#look(buffer, plain, digest);
    this.#turn = this.#append(looking, this.#turn);
    // A failure reaches the backup by the pool, which refuses the next buffer; whoever awaits these promises may be gone by then.
    this.#turn.catch((error: unknown) => this.#pool.fail(error));
    const chunk = looking.then(async ({ place }) => ({ ...(await place), sha256: digest.toString('hex') }));
    chunk.catch(() => undefined);
    return chunk;
  }

  async #append(looking: Promise<Looked>, before: Promise<void>): Promise<void> {
    const looked = await looking;
    await before;
    // A chunk whose content is underway does not wait for it here: that one's turn may be later than this one's.
    if (looked.kind === 'new') await looked.store();
  }

  async #look(buffer: Buffer, plain: Buffer, digest: Buffer): Promise<Looked> {
    const name = digest.toString('hex');
    const known = this.#index.find(digest, plain.length);
    const place = known ? Promise.resolve(known) : this.#underway.get(name);
    if (place) {
      this.#pool.release(buffer);
      return { kind: 'placed', place };
    }
    const placed = Promise.withResolvers<StoredChunk>();
    placed.promise.catch(() => undefined);
    this.#underway.set(name, placed.promise);
    try {
      const frame = await this.#codec.encode(plain);
      const store = async (): Promise<void> => {
        try {
          placed.resolve(await this.#store(buffer, plain, frame, digest));
        } catch (error) {
          placed.reject(error);
          throw error;
        }
        this.#underway.delete(name);
      };
      return { kind: 'new', place: placed.promise, store };
    } catch (error) {
      placed.reject(error);
      throw error;
    }
  }

  async #store(buffer: Buffer, plain: Buffer, frame: Uint8Array, digest: Buffer): Promise<StoredChunk> {
    // What does not shrink is stored as it is: nothing to decode, and the hash vouches for it. Its buffer is then read until it is written.
    const raw = frame.length >= plain.length;
    const location = await this.#writer.append(raw ? plain : frame);
    if (raw) this.#pool.forget();
    else this.#pool.release(buffer);
    const codec: CodecName = raw ? 'none' : this.#codec.name;
    const chunk = { ...location, size: plain.length, codec };
    this.#index.add(digest, chunk);
    return chunk;
  }
}
