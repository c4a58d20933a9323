import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Failure, isFailure } from '../domain/failure.ts';
import { parseWalFileName, type WalFile } from '../domain/wal-file.ts';
import { parseControlFile } from '../postgres/control-file.ts';
import type { SiteIdentity } from '../repository/identity.ts';
import type { WalContent } from '../repository/wal-objects.ts';
import { translatingFileErrors } from './local-file.ts';
import { checkWalContent, headBytesOf } from './wal-content.ts';

/** A WAL file of this host that was checked and may be stored. */
export interface WalSource extends WalContent, AsyncDisposable {
  readonly file: WalFile;
  /** The cluster that wrote it. */
  readonly identity: SiteIdentity;
}

const PIECE_BYTES = 256 * 1024;

/**
 * Opens a WAL file for archiving: recognises its name, checks that its content fits it, and hashes it. `open` reads it again and throws
 * `wal.mismatch` at the end where it is no longer the same: a file that changes must not be stored.
 *
 * Segments say which cluster they are of. History files do not; for them the cluster is that of the data directory around
 * `path` (`<data directory>/pg_wal/<file>`), by its control file.
 *
 * Throws `value.invalid` for a name that is none of PostgreSQL's, `wal.file` where the file cannot be read or is a symbolic link,
 * `wal.mismatch` where the content does not fit. `watch` sees the pieces of the first reading: of a large segment on a slow disk it takes
 * longer than anybody would wait for something that does not move.
 */
export async function openWalSource(
  path: string,
  signal: AbortSignal,
  watch: (pieces: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): Promise<WalSource> {
  const file = parseWalFileName(basename(path));
  // O_NONBLOCK: opening a pipe must not hang; a regular file does not care.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await translatingFileErrors(`open ${path}`, async () => open(path, flags));
  try {
    const { size } = await regularFile(path, handle);
    const head = await readHead(path, handle, headBytesOf(file));
    const identity = checkWalContent(file, head, size, undefined) ?? (await readClusterIdentity(path));
    const sha256 = await hashOf(watch(readPieces(path, handle, size, signal)));
    return {
      file,
      identity,
      sha256,
      size,
      open: () => readUnchanged(path, handle, { size, sha256 }, signal),
      [Symbol.asyncDispose]: async () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function regularFile(path: string, handle: FileHandle): Promise<{ readonly size: number }> {
  const found = await translatingFileErrors(`look at ${path}`, async () => handle.stat());
  if (found.isFile()) return found;
  throw new Failure('wal.file', { message: `${path} is not a regular file` });
}

async function readHead(path: string, handle: FileHandle, length: number): Promise<Buffer> {
  const head = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await translatingFileErrors(`read ${path}`, async () =>
      handle.read(head, filled, length - filled, filled),
    );
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return head.subarray(0, filled);
}

async function hashOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

async function* readUnchanged(
  path: string,
  handle: FileHandle,
  expected: { readonly size: number; readonly sha256: string },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const piece of readPieces(path, handle, expected.size, signal)) {
    hash.update(piece);
    yield piece;
  }
  if (hash.digest('hex') === expected.sha256) return;
  throw changed(path);
}

/** Exactly `size` bytes; a file that has fewer or more by now throws. */
async function* readPieces(
  path: string,
  handle: FileHandle,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let position = 0;
  for (;;) {
    signal.throwIfAborted();
    // A buffer of its own: the consumer may still hold the one before.
    const buffer = Buffer.allocUnsafe(PIECE_BYTES);
    const { bytesRead } = await translatingFileErrors(`read ${path}`, async () =>
      handle.read(buffer, 0, PIECE_BYTES, position),
    );
    position += bytesRead;
    if (position > size || (bytesRead === 0 && position < size)) throw changed(path);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

function changed(path: string): Failure {
  return new Failure('wal.mismatch', {
    message: `${path} changed while it was read; nothing of it was stored`,
    hint: 'only hand over files that PostgreSQL has finished: archive_command passes such',
  });
}

// The server rewrites its control file in place; a reader may meet it half-written and then has to look again.
const CONTROL_FILE_READS = 5;

async function readClusterIdentity(path: string): Promise<SiteIdentity> {
  const control = join(dirname(path), '..', 'global', 'pg_control');
  for (let attempt = 1; ; attempt += 1) {
    const bytes = await translatingFileErrors(
      `read ${control}, which says which cluster ${basename(path)} is of`,
      async () => readFile(control),
    );
    try {
      const { systemIdentifier, segmentSize } = parseControlFile(bytes);
      return { systemIdentifier, segmentSize };
    } catch (error) {
      if (!isFailure(error, 'postgres.format') || attempt === CONTROL_FILE_READS) throw error;
    }
  }
}
