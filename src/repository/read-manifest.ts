import { Failure, isFailure } from '../domain/failure.ts';
import type { BackupId, StoredBackup } from '../domain/observed.ts';
import { openCodecOf } from './codecs.ts';
import { manifestForm } from './layout.ts';
import { openCopy } from './manifest-copy.ts';
import { countEntry, noCounts } from './manifest-counts.ts';
import { MAX_LINE_BYTES, parseManifestLine } from './manifest-format.ts';
import type { ManifestLine, StoredManifest } from './manifest-types.ts';
import { measured, newMeasure, summed } from './measured.ts';
import type { SiteRepository } from './site-repository.ts';
import { type ObjectReader, objectReader } from './stored-form.ts';

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
  const { key } = marker.manifest;
  const open = async (): Promise<AsyncIterable<Uint8Array>> => repo.store.get(key, { signal });
  yield* readLines(repo, marker, marker.manifest, open, objectReader(repo, manifestForm(key), key));
}

/**
 * As readManifest, from the copy that was kept when this host wrote it, which needs no private key. `store.not-found` where there is none.
 */
export async function* readManifestCopy(repo: SiteRepository, marker: ManifestSource): AsyncGenerator<ManifestLine> {
  const { key, inner } = marker.manifest;
  const codec = openCodecOf(manifestForm(key)?.codec, key);
  if (inner === undefined) throw new Failure('store.not-found', { message: `no copy of ${key} can have been kept` });
  yield* readLines(
    repo,
    marker,
    inner,
    () => openCopy(repo, inner),
    (body) => codec.decodeStream(body),
  );
}

async function* readLines(
  repo: SiteRepository,
  marker: ManifestSource,
  { size, sha256 }: { readonly size: number; readonly sha256: string },
  open: () => Promise<AsyncIterable<Uint8Array>>,
  decode: ObjectReader,
): AsyncGenerator<ManifestLine> {
  const { key } = marker.manifest;
  const stored = newMeasure();
  const body = measured(await open(), stored);
  const counts = noCounts();
  let number = 0;
  let closed = false;
  const corrupt: Corrupt = (what, cause) =>
    new Failure('object.corrupt', {
      message: `the manifest ${key} ${what}`,
      hint: 'read another backup (hoard backup list shows them), or the same one from another repository',
      ...(cause === undefined ? {} : { cause }),
    });
  const plain = naming(decode(limited(body, size, corrupt)), corrupt);
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
      countEntry(line, counts);
    }
    yield line;
  }
  if (!closed) throw corrupt('ends without a footer');
  // A codec may stop reading before the last stored byte; then it has ended early.
  const found = summed(stored);
  if (found.size !== size || found.sha256 !== sha256) {
    throw corrupt(
      `is not the one that the marker names (${found.size} of ${size} bytes, SHA-256 ${sha256.slice(0, 12)}…)`,
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
