import type { CodecName } from '../codec/codec.ts';
import type { ChunkLocation } from './pack-writer.ts';

/** Which chunks are stored already, by the SHA-256 of their plain bytes. */
export interface ChunkIndex {
  /** Chunks known. */
  readonly count: number;
  /** A stored chunk with this hash (32 bytes) and plain size. */
  find(sha256: Uint8Array, size: number): StoredChunk | undefined;
  /** Remembers a chunk; one that is known already keeps its first place. */
  add(sha256: Uint8Array, chunk: StoredChunk): void;
}

export type StoredChunk = ChunkLocation & { readonly size: number; readonly codec: CodecName };

const HASH_BYTES = 32;
/** Plain size, place, offset, length: four 32-bit numbers. */
const NUMBERS = 4;
const FIRST_CAPACITY = 1024;
// Open addressing with linear probing stays fast up to this share of used slots.
const MAX_LOAD = 0.7;

/**
 * A hash table in typed arrays: 48 bytes a chunk plus 4 bytes a slot, 54 to 60 in all, where objects would take some 400.
 * A cluster of 1 TB has a million chunks. The table keeps whole hashes: what it finds is the same content, not probably the same.
 */
export function createChunkIndex(): ChunkIndex {
  return new TypedChunkIndex();
}

class TypedChunkIndex implements ChunkIndex {
  #hashes = new Uint8Array(FIRST_CAPACITY * HASH_BYTES);
  #numbers = new Uint32Array(FIRST_CAPACITY * NUMBERS);
  /** Entry number + 1, or 0 for an empty slot. */
  #slots = new Uint32Array(2 * FIRST_CAPACITY);
  #count = 0;
  /** Packs by number in `#numbers`; a chunk's codec, and how much its pack's key takes, are those of its place. */
  readonly #places: Pick<StoredChunk, 'pack' | 'codec' | 'keyBytes'>[] = [];
  readonly #placeNumbers = new Map<string, number>();

  get count(): number {
    return this.#count;
  }

  find(sha256: Uint8Array, size: number): StoredChunk | undefined {
    const entry = this.#slots[this.#slotOf(sha256, size)] ?? 0;
    if (entry === 0) return undefined;
    const at = (entry - 1) * NUMBERS;
    const place = this.#places[this.#numbers[at + 1] ?? 0];
    return place && { ...place, size, offset: this.#numbers[at + 2] ?? 0, length: this.#numbers[at + 3] ?? 0 };
  }

  add(sha256: Uint8Array, chunk: StoredChunk): void {
    const slot = this.#slotOf(sha256, chunk.size);
    if (this.#slots[slot] !== 0) return;
    if ((this.#count + 1) * NUMBERS > this.#numbers.length) this.#growEntries();
    this.#hashes.set(sha256.subarray(0, HASH_BYTES), this.#count * HASH_BYTES);
    this.#numbers.set([chunk.size, this.#placeOf(chunk), chunk.offset, chunk.length], this.#count * NUMBERS);
    this.#count += 1;
    this.#slots[slot] = this.#count;
    if (this.#count > this.#slots.length * MAX_LOAD) this.#growSlots();
  }

  /** The slot that holds this chunk, or the empty one where it would go. */
  #slotOf(sha256: Uint8Array, size: number): number {
    const mask = this.#slots.length - 1;
    // A SHA-256 is evenly distributed: any four of its bytes are a hash.
    let slot = new DataView(sha256.buffer, sha256.byteOffset, HASH_BYTES).getUint32(0) & mask;
    for (;;) {
      const entry = this.#slots[slot] ?? 0;
      if (entry === 0 || this.#isEntry(entry - 1, sha256, size)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #isEntry(entry: number, sha256: Uint8Array, size: number): boolean {
    if (this.#numbers[entry * NUMBERS] !== size) return false;
    const start = entry * HASH_BYTES;
    for (let index = 0; index < HASH_BYTES; index += 1) {
      if (this.#hashes[start + index] !== sha256[index]) return false;
    }
    return true;
  }

  #placeOf({ pack, codec, keyBytes }: StoredChunk): number {
    const name = `${pack.backup}/${pack.number}/${codec}`;
    const known = this.#placeNumbers.get(name);
    if (known !== undefined) return known;
    this.#places.push(keyBytes === undefined ? { pack, codec } : { pack, codec, keyBytes });
    this.#placeNumbers.set(name, this.#places.length - 1);
    return this.#places.length - 1;
  }

  #growEntries(): void {
    // By half: the copy is cheap, and doubling would leave half of a large table empty.
    const capacity = Math.ceil((this.#numbers.length / NUMBERS) * 1.5);
    const hashes = new Uint8Array(capacity * HASH_BYTES);
    hashes.set(this.#hashes);
    const numbers = new Uint32Array(capacity * NUMBERS);
    numbers.set(this.#numbers);
    this.#hashes = hashes;
    this.#numbers = numbers;
  }

  #growSlots(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    const mask = this.#slots.length - 1;
    const hashes = new DataView(this.#hashes.buffer);
    for (const entry of old) {
      if (entry === 0) continue;
      let slot = hashes.getUint32((entry - 1) * HASH_BYTES) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = entry;
    }
  }
}
