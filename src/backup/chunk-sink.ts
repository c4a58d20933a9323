import type { ChunkEncoder } from '../codec/chunk-workers.ts';
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
 * Stores chunks: hashes each, looks whether it is there already, compresses and encrypts new ones beside each other in worker threads, and
 * appends them to packs in the order of the calls.
 */
export class ChunkSink {
  readonly #workers: ChunkEncoder;
  readonly #index: ChunkIndex;
  readonly #writer: PackWriter;
  readonly #pool = new BufferPool(CHUNKS_IN_FLIGHT, CHUNK_BYTES);
  /** Chunks on their way by hash, so that the same content is not stored twice meanwhile. */
  readonly #underway = new Map<string, Promise<StoredChunk>>();
  /** Ends when everything put so far was looked at: spaces in packs are given out in the order of the calls. */
  #looks: Promise<unknown> = Promise.resolve();
  /** Ends when everything put so far is appended. */
  #turn: Promise<void> = Promise.resolve();

  constructor(parts: { readonly workers: ChunkEncoder; readonly index: ChunkIndex; readonly writer: PackWriter }) {
    this.#workers = parts.workers;
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
    const hashing = this.#workers.digest(plain);
    const before = this.#looks;
    const looking = (async () => {
      const digest = await hashing;
      await before;
      return { digest, looked: await this.#look(buffer, plain, digest) };
    })();
    this.#looks = looking;
    this.#turn = this.#append(looking, this.#turn);
    // A failure reaches the backup by the pool, which refuses the next buffer; whoever awaits these promises may be gone by then.
    hashing.catch(() => undefined);
    looking.catch(() => undefined);
    this.#turn.catch((error: unknown) => this.#pool.fail(error));
    const chunk = looking.then(async ({ digest, looked }) => ({
      ...(await looked.place),
      sha256: digest.toString('hex'),
    }));
    chunk.catch(() => undefined);
    return chunk;
  }

  async #append(looking: Promise<{ readonly looked: Looked }>, before: Promise<void>): Promise<void> {
    const { looked } = await looking;
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
    const space = await this.#writer.reserve(plain.length);
    const encoding = this.#workers.encode(plain, space.sessionKey);
    encoding.catch(() => undefined);
    const store = async (): Promise<void> => {
      try {
        const { bytes, codec } = await encoding;
        this.#pool.release(buffer);
        const location = await this.#writer.append(space, bytes);
        const chunk = { ...location, size: plain.length, codec };
        this.#index.add(digest, chunk);
        placed.resolve(chunk);
      } catch (error) {
        placed.reject(error);
        throw error;
      }
      this.#underway.delete(name);
    };
    return { kind: 'new', place: placed.promise, store };
  }
}
