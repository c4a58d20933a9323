import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { BufferPool } from '../../../src/backup/buffer-pool.ts';
import { CHUNK_BYTES, ChunkSink } from '../../../src/backup/chunk-sink.ts';
import { recordEntries } from '../../../src/backup/record-entries.ts';
import { type ChunkEncoder, ChunkWorkers } from '../../../src/codec/chunk-workers.ts';
import { openCodec } from '../../../src/codec/open-codec.ts';
import { type BackupId, backupId } from '../../../src/domain/observed.ts';
import type { BackupEntry } from '../../../src/postgres/base-backup.ts';
import { createChunkIndex } from '../../../src/repository/chunk-index.ts';
import { fileHash } from '../../../src/repository/file-hash.ts';
import type { ManifestChunk, ManifestEntry } from '../../../src/repository/manifest-types.ts';
import type { PackWriter } from '../../../src/repository/pack-writer.ts';

const ID: BackupId = backupId('20261122T110000Z-00000000');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A pack writer that keeps the frames; the real one is tested with the repository. */
function memoryPacks(): PackWriter & { readonly frames: Uint8Array[]; failAfter: number } {
  const frames: Uint8Array[] = [];
  let offset = 0;
  return {
    frames,
    failAfter: Number.POSITIVE_INFINITY,
    reserve: async () => ({ sessionKey: undefined }),
    async append(_space, frame) {
      await Promise.resolve();
      if (frames.length >= this.failAfter) throw new Error('the store is full');
      const location = { pack: { backup: ID, number: 0 }, offset, length: frame.length };
      // A copy now and a comparison later would hide a buffer that is used again too early.
      frames.push(frame);
      offset += frame.length;
      return location;
    },
    close: async () => ({ packs: [], bytes: offset }),
    abort: async () => undefined,
  };
}

/** Workers that take a different time for each chunk, so that chunks overtake each other. */
const uneven = (encoder: ChunkEncoder): ChunkEncoder => ({
  digest: async (plain) => {
    await new Promise((resolve) => void setTimeout(resolve, (plain[0] ?? 0) % 5));
    return encoder.digest(plain);
  },
  encode: async (plain, sessionKey) => {
    const copy = sha256(plain);
    await new Promise((resolve) => void setTimeout(resolve, (plain[0] ?? 0) % 7));
    expect(sha256(plain), 'the buffer must not change while it is compressed').toBe(copy);
    return encoder.encode(plain, sessionKey);
  },
});

const compression = { algorithm: 'zstd', level: undefined } as const;
const zstd = openCodec(compression);
const workers = new ChunkWorkers({ compression });
afterAll(() => workers[Symbol.asyncDispose]());

describe('ChunkSink', () => {
  it('stores each content once, in the order of the calls, whatever overtakes what', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }), fc.constantFrom(1, 700, 5000)), { maxLength: 60 }),
        async (specs) => {
          const packs = memoryPacks();
          const sink = new ChunkSink({ workers: uneven(workers), index: createChunkIndex(), writer: packs });
          const contents = specs.map(([byte, size]) => Buffer.alloc(size, byte));
          const chunks: Promise<ManifestChunk>[] = [];
          for (const content of contents) {
            const buffer = await sink.buffer();
            content.copy(buffer);
            chunks.push(sink.put(buffer, content.length));
          }
          const placed = await Promise.all(chunks);
          const distinct = new Set(contents.map(sha256));
          expect(packs.frames).toHaveLength(distinct.size);
          for (const [index, chunk] of placed.entries()) {
            const content = contents[index] ?? Buffer.alloc(0);
            expect(chunk).toMatchObject({ sha256: sha256(content), size: content.length });
            const all = Buffer.concat(packs.frames);
            const frame = all.subarray(chunk.offset, chunk.offset + chunk.length);
            const plain = chunk.codec === 'none' ? frame : await zstd.decode(frame, chunk.size);
            expect(sha256(plain)).toBe(chunk.sha256);
          }
          // Places ascend in the order in which the contents came first.
          const offsets = [...new Map(placed.map((chunk) => [chunk.sha256, chunk.offset])).values()];
          expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('does not store what the index knows', async () => {
    const index = createChunkIndex();
    const content = Buffer.alloc(3000, 7);
    const known = { pack: { backup: ID, number: 4 }, offset: 17, length: 20, size: 3000, codec: 'zstd' } as const;
    index.add(createHash('sha256').update(content).digest(), known);
    const packs = memoryPacks();
    const sink = new ChunkSink({ workers, index, writer: packs });
    for (let round = 0; round < 50; round += 1) {
      const buffer = await sink.buffer();
      content.copy(buffer);
      expect(await sink.put(buffer, 3000)).toEqual({ ...known, sha256: sha256(content) });
    }
    expect(packs.frames).toEqual([]);
  });

  it('stores as it is what does not shrink, in memory of its own', async () => {
    const packs = memoryPacks();
    const sink = new ChunkSink({ workers, index: createChunkIndex(), writer: packs });
    const contents = Array.from({ length: 40 }, () => Buffer.from(crypto.getRandomValues(new Uint8Array(4096))));
    const chunks: Promise<ManifestChunk>[] = [];
    for (const content of contents) {
      const buffer = await sink.buffer();
      content.copy(buffer);
      chunks.push(sink.put(buffer, content.length));
    }
    expect((await Promise.all(chunks)).every(({ codec, length }) => codec === 'none' && length === 4096)).toBe(true);
    expect(packs.frames.map(sha256)).toEqual(contents.map(sha256));
  });

  it('stops the reader when storing or compressing fails', async () => {
    const packs = memoryPacks();
    packs.failAfter = 3;
    const failing = async (): Promise<never> => Promise.reject(new Error('out of memory'));
    for (const [encoder, message] of [
      [workers, 'the store is full'],
      [{ digest: (plain: Uint8Array) => workers.digest(plain), encode: failing }, 'out of memory'],
      [{ digest: failing, encode: failing }, 'out of memory'],
    ] as const) {
      const sink = new ChunkSink({ workers: encoder, index: createChunkIndex(), writer: packs });
      const endless = async (): Promise<never> => {
        for (let byte = 0; ; byte += 1) {
          const buffer = await sink.buffer();
          buffer.fill(byte, 0, 100);
          buffer.writeUInt32LE(byte, 0);
          void sink.put(buffer, 100);
        }
      };
      await expect(endless()).rejects.toThrow(message);
    }
  });
});

describe('BufferPool', () => {
  it('never gives out more than it has', async () => {
    const pool = new BufferPool(2, 16);
    const [first] = await Promise.all([pool.acquire(), pool.acquire()]);
    let third: Buffer | undefined;
    const waiting = pool.acquire().then((buffer) => {
      third = buffer;
    });
    await Promise.resolve();
    expect(third).toBeUndefined();
    pool.release(first);
    await waiting;
    expect(third).toBe(first);
    const fourth = pool.acquire();
    pool.fail(new Error('enough'));
    await expect(fourth).rejects.toThrow('enough');
    await expect(pool.acquire()).rejects.toThrow('enough');
  });
});

describe('recordEntries', () => {
  async function* pieces(content: Buffer, size: number): AsyncGenerator<Uint8Array> {
    const view = Buffer.alloc(size);
    for (let at = 0; at < content.length; at += size) {
      // One buffer for all, as the connection gives them.
      const count = content.copy(view, 0, at, at + size);
      yield view.subarray(0, count);
    }
  }

  const file = (path: string, content: Buffer, size = 32 * 1024): BackupEntry => ({
    kind: 'file',
    path,
    mode: 0o600,
    mtime: 7,
    size: content.length,
    data: pieces(content, size),
  });

  async function record(
    entries: readonly BackupEntry[],
  ): Promise<{ lines: ManifestEntry[]; packs: ReturnType<typeof memoryPacks>; bytes: number; label: string }> {
    const packs = memoryPacks();
    const sink = new ChunkSink({ workers: uneven(workers), index: createChunkIndex(), writer: packs });
    async function* source(): AsyncGenerator<BackupEntry> {
      yield* entries;
    }
    const lines: ManifestEntry[] = [];
    let bytes = 0;
    let label = '';
    const watcher = {
      onBytes: (count: number) => {
        bytes += count;
      },
      onBackupLabel: (text: string) => {
        label = text;
      },
    };
    for await (const line of recordEntries(source(), sink, watcher)) lines.push(line);
    return { lines, packs, bytes, label };
  }

  it('cuts files at multiples of a chunk, however the pieces come', async () => {
    const sizes = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 2 * CHUNK_BYTES + 12_345];
    for (const piece of [CHUNK_BYTES + 7, 32 * 1024, 100_003]) {
      const contents = sizes.map((size, index) => Buffer.alloc(size, `${index} ${'x'.repeat(index * 31)}`));
      const { lines, packs, bytes } = await record(contents.map((content, index) => file(`f${index}`, content, piece)));
      expect(bytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
      for (const [index, line] of lines.entries()) {
        const content = contents[index] ?? Buffer.alloc(0);
        if (line.kind !== 'file') throw new Error('not a file');
        expect(line).toMatchObject({
          path: `f${index}`,
          size: content.length,
          mtime: 7000,
          sha256: fileHash(line.chunks),
        });
        expect(line.chunks.map(({ size }) => size)).toEqual(
          Array.from({ length: Math.ceil(content.length / CHUNK_BYTES) }, (_, n) =>
            Math.min(CHUNK_BYTES, content.length - n * CHUNK_BYTES),
          ),
        );
        expect(line.chunks.map((chunk) => chunk.sha256)).toEqual(
          line.chunks.map((_, n) => sha256(content.subarray(n * CHUNK_BYTES, (n + 1) * CHUNK_BYTES))),
        );
      }
      expect(packs.frames.length).toBeGreaterThan(5);
    }
  });

  it('keeps the order of the entries and passes on links, folders and backup_label', async () => {
    const entries: BackupEntry[] = [
      file('backup_label', Buffer.from('START WAL LOCATION')),
      { kind: 'directory', path: 'base', mode: 0o700, mtime: 9 },
      ...Array.from({ length: 150 }, (_, index) => file(`base/${index}`, Buffer.alloc(index * 17, String(index)))),
      { kind: 'symlink', path: 'pg_wal', target: '/elsewhere' },
    ];
    const { lines, label } = await record(entries);
    expect(lines.map(({ path }) => path)).toEqual(entries.map(({ path }) => path));
    expect(lines[1]).toEqual({ kind: 'directory', path: 'base', mode: 0o700, mtime: 9000 });
    expect(lines.at(-1)).toEqual({ kind: 'symlink', path: 'pg_wal', target: '/elsewhere' });
    expect(label).toBe('START WAL LOCATION');
  });

  it('fails when a file has another size than announced', async () => {
    const short: BackupEntry = {
      kind: 'file',
      path: 'a',
      mode: 0o600,
      mtime: 0,
      size: 10,
      data: pieces(Buffer.alloc(9), 4),
    };
    await expect(record([short])).rejects.toThrow('a came with 9 bytes instead of 10');
  });
});
