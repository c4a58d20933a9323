import { createHash } from 'node:crypto';
import { Failure, isFailure, unreachable } from '../domain/failure.ts';
import type { BackupId, StoredBackup } from '../domain/observed.ts';
import { openCodecOf } from './codecs.ts';
import { codecNameOf, manifestKey } from './layout.ts';
import { formatManifestLine, isSafePath, MAX_LINE_BYTES, parseManifestLine } from './manifest-format.ts';
import type {
  ManifestCounts,
  ManifestEnd,
  ManifestEntry,
  ManifestHeader,
  ManifestLine,
  StoredManifest,
} from './manifest-types.ts';
import type { SiteRepository } from './site-repository.ts';

/**
 * Writes a backup's manifest while the entries come, in bounded memory. `end` is asked once, after the last entry.
 * An entry that reading would refuse is refused here (`backup.failed`), and nothing is stored then. Not idempotent:
 * a backup has one manifest (`store.exists`).
 */
export async function writeManifest(
  repo: SiteRepository,
  source: {
    readonly header: ManifestHeader;
    readonly entries: AsyncIterable<ManifestEntry>;
    readonly end: () => ManifestEnd | Promise<ManifestEnd>;
  },
  signal: AbortSignal,
): Promise<StoredManifest & ManifestCounts> {
  const key = manifestKey(repo.site, source.header.backup, repo.codec.name);
  const counts = { files: 0, directories: 0, symlinks: 0, chunks: 0, bytes: 0 };
  const stored = { size: 0, hash: createHash('sha256') };
  const plain = batched(formatLines(source, counts));
  await repo.store.put(key, measured(repo.codec.encodeStream(plain), stored), { ifAbsent: true, signal });
  return { key, size: stored.size, sha256: stored.hash.digest('hex'), ...counts };
}

type Counts = { -readonly [Name in keyof ManifestCounts]: ManifestCounts[Name] };

async function* formatLines(source: Parameters<typeof writeManifest>[1], counts: Counts): AsyncGenerator<Buffer> {
  yield lineOf(source.header);
  for await (const entry of source.entries) {
    if (!isSafePath(entry.path)) {
      throw new Failure('backup.failed', {
        message: `the cluster has a file that a manifest cannot name: ${JSON.stringify(entry.path)}`,
      });
    }
    count(entry, counts);
    yield lineOf(entry);
  }
  const end = await source.end();
  yield lineOf({ kind: 'footer', ...end, ...counts });
}

function count(entry: ManifestEntry, counts: Counts): void {
  switch (entry.kind) {
    case 'file':
      counts.files += 1;
      counts.chunks += entry.chunks.length;
      counts.bytes += entry.size;
      break;
    case 'directory':
      counts.directories += 1;
      break;
    case 'symlink':
      counts.symlinks += 1;
      break;
    default:
      unreachable(entry);
  }
}

function lineOf(line: ManifestLine): Buffer {
  const bytes = Buffer.from(`${formatManifestLine(line)}\n`);
  if (bytes.length <= MAX_LINE_BYTES) return bytes;
  throw new Failure('backup.failed', {
    message: `a manifest line would have ${bytes.length} bytes, more than ${MAX_LINE_BYTES}${line.kind === 'file' ? `: ${line.path}` : ''}`,
  });
}

// Lines are short; codecs and stores work better on larger pieces.
const BATCH_BYTES = 64 * 1024;

async function* batched(lines: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let size = 0;
  for await (const line of lines) {
    waiting.push(line);
    size += line.length;
    if (size < BATCH_BYTES) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    size = 0;
  }
  yield Buffer.concat(waiting);
}

async function* measured(
  stored: AsyncIterable<Uint8Array>,
  into: { size: number; readonly hash: ReturnType<typeof createHash> },
): AsyncGenerator<Uint8Array> {
  for await (const piece of stored) {
    into.size += piece.byteLength;
    into.hash.update(piece);
    yield piece;
  }
}

type Corrupt = (what: string, cause?: unknown) => Failure;

/** What reading a manifest needs of a backup's marker. */
export type ManifestSource = Pick<StoredBackup, 'systemIdentifier'> & {
  readonly id: BackupId;
  readonly manifest: StoredManifest;
};

/**
 * Streams a manifest: header, entries, footer. Throws `object.corrupt` where the stored bytes are not those that the marker
 * names, a line is not acceptable, or the counts do not fit. Damage that the codec cannot see is known only at the end: what
 * was read before must not be taken as true until the iteration has ended normally.
 */
export async function* readManifest(
  repo: SiteRepository,
  marker: ManifestSource,
  signal: AbortSignal,
): AsyncGenerator<ManifestLine> {
  const { key, size, sha256 } = marker.manifest;
  const stored = { size: 0, hash: createHash('sha256') };
  const codec = openCodecOf(codecNameOf(key.slice(key.lastIndexOf('.') + 1)), key);
  const body = measured(await repo.store.get(key, { signal }), stored);
  const counts = { files: 0, directories: 0, symlinks: 0, chunks: 0, bytes: 0 };
  let number = 0;
  let closed = false;
  const corrupt: Corrupt = (what, cause) =>
    new Failure('object.corrupt', {
      message: `the manifest ${key} ${what}`,
      hint: 'read another backup (hoard backup list shows them), or the same one from another repository',
      ...(cause === undefined ? {} : { cause }),
    });
  const plain = naming(codec.decodeStream(limited(body, size, corrupt)), corrupt);
  for await (const bytes of splitLines(plain, corrupt)) {
    number += 1;
    const line = parseManifestLine(bytes, `line ${number} of ${key}`);
    if (closed) throw corrupt(`goes on after its footer, in line ${number}`);
    if ((line.kind === 'header') !== (number === 1)) throw corrupt(`has a ${line.kind} in line ${number}`);
    if (line.kind === 'header') {
      if (line.backup !== marker.id || line.site !== repo.site || line.systemIdentifier !== marker.systemIdentifier) {
        throw corrupt(`is of backup ${line.backup} of site "${line.site}" (system ${line.systemIdentifier})`);
      }
    } else if (line.kind === 'footer') {
      closed = true;
      for (const name of ['files', 'directories', 'symlinks', 'chunks', 'bytes'] as const) {
        if (line[name] !== counts[name])
          throw corrupt(`names ${counts[name]} ${name}, but its footer says ${line[name]}`);
      }
    } else {
      count(line, counts);
    }
    yield line;
  }
  if (!closed) throw corrupt('ends without a footer');
  // A codec may stop reading before the last stored byte; then it has ended early.
  if (stored.size !== size || stored.hash.digest('hex') !== sha256) {
    throw corrupt(
      `is not the one that the marker names (${stored.size} of ${size} bytes, SHA-256 ${sha256.slice(0, 12)}…)`,
    );
  }
}

async function* limited(body: AsyncIterable<Uint8Array>, limit: number, corrupt: Corrupt): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of body) {
    size += piece.byteLength;
    if (size > limit) throw corrupt(`is larger than the ${limit} bytes that the marker names`);
    yield piece;
  }
}

/** A codec does not know what it reads. */
async function* naming(plain: AsyncIterable<Uint8Array>, corrupt: Corrupt): AsyncGenerator<Uint8Array> {
  try {
    yield* plain;
  } catch (error) {
    throw isFailure(error, 'object.corrupt') ? corrupt(`is damaged: ${error.message}`, error) : error;
  }
}

const NEWLINE = 0x0a;

async function* splitLines(plain: AsyncIterable<Uint8Array>, corrupt: Corrupt): AsyncGenerator<Buffer> {
  let pending: Buffer[] = [];
  let size = 0;
  for await (const piece of plain) {
    let rest = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      yield Buffer.concat([...pending, rest.subarray(0, end)]);
      pending = [];
      size = 0;
      rest = rest.subarray(end + 1);
    }
    size += rest.length;
    if (size > MAX_LINE_BYTES) throw corrupt(`has a line of more than ${MAX_LINE_BYTES} bytes`);
    // A copy: the producer may use its buffer again.
    if (rest.length > 0) pending.push(Buffer.from(rest));
  }
  if (size > 0) throw corrupt('ends in the middle of a line');
}
