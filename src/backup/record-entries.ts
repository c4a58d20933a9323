import { Failure, unreachable } from '../domain/failure.ts';
import type { BackupEntry } from '../postgres/base-backup.ts';
import { fileHash } from '../repository/file-hash.ts';
import type { ManifestChunk, ManifestEntry } from '../repository/manifest-types.ts';
import { CHUNK_BYTES, type ChunkSink } from './chunk-sink.ts';

/** Entries whose chunks are still on their way: only small ones pile up, so this is a bound for their number, not for bytes. */
const MAX_WAITING = 64;

export interface EntryWatcher {
  /** Bytes of a file as they pass. */
  onBytes(count: number): void;
  /** The content of backup_label, which is among the entries. */
  onBackupLabel(text: string): void;
}

/**
 * Sends the files of a base backup through the sink, cut into aligned chunks, and gives the lines of the manifest in the order of the entries.
 * Bounded memory: entries are read no faster than their chunks are stored.
 */
export async function* recordEntries(
  entries: AsyncIterable<BackupEntry>,
  sink: ChunkSink,
  watcher: EntryWatcher,
): AsyncGenerator<ManifestEntry> {
  const waiting: Promise<ManifestEntry>[] = [];
  for await (const entry of entries) {
    const { line } = await recordEntry(entry, sink, watcher);
    line.catch(() => undefined);
    waiting.push(line);
    const oldest = waiting.length > MAX_WAITING ? waiting.shift() : undefined;
    if (oldest) yield await oldest;
  }
  for (const line of waiting) yield await line;
}

/** Resolves when the entry's data has been read; `line` when its chunks have their places. */
async function recordEntry(
  entry: BackupEntry,
  sink: ChunkSink,
  watcher: EntryWatcher,
): Promise<{ readonly line: Promise<ManifestEntry> }> {
  switch (entry.kind) {
    case 'symlink':
      return { line: Promise.resolve(entry) };
    case 'directory':
      return { line: Promise.resolve({ ...entry, mtime: entry.mtime * 1000 }) };
    case 'file': {
      const chunks = await storeFile(entry, sink, watcher);
      return { line: fileLine(entry, chunks) };
    }
    default:
      return unreachable(entry);
  }
}

async function fileLine(file: FileEntry, chunks: readonly Promise<ManifestChunk>[]): Promise<ManifestEntry> {
  const placed = await Promise.all(chunks);
  const { kind, path, mode, size } = file;
  return { kind, path, mode, mtime: file.mtime * 1000, size, sha256: fileHash(placed), chunks: placed };
}

type FileEntry = Extract<BackupEntry, { kind: 'file' }>;

/** Resolves when the data has been read and handed to the sink. */
async function storeFile(
  file: FileEntry,
  sink: ChunkSink,
  watcher: EntryWatcher,
): Promise<readonly Promise<ManifestChunk>[]> {
  const chunks: Promise<ManifestChunk>[] = [];
  let chunk: Buffer | undefined;
  let filled = 0;
  let size = 0;
  const flush = (): void => {
    if (chunk === undefined || filled === 0) return;
    if (file.path === 'backup_label') watcher.onBackupLabel(chunk.toString('utf8', 0, filled));
    chunks.push(sink.put(chunk, filled));
    watcher.onBytes(filled);
    chunk = undefined;
    filled = 0;
  };
  for await (const bytes of file.data) {
    size += bytes.length;
    let at = 0;
    while (at < bytes.length) {
      chunk ??= await sink.buffer();
      const count = Math.min(bytes.length - at, CHUNK_BYTES - filled);
      chunk.set(at === 0 && count === bytes.length ? bytes : bytes.subarray(at, at + count), filled);
      filled += count;
      at += count;
      if (filled === CHUNK_BYTES) flush();
    }
  }
  flush();
  if (size !== file.size)
    throw new Failure('bug', { message: `${file.path} came with ${size} bytes instead of ${file.size}` });
  return chunks;
}
