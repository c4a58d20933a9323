import { createHash } from 'node:crypto';
import { decryptContent } from '../codec/openpgp/protected-data.ts';
import { Failure, isFailure } from '../domain/failure.ts';
import { openCodecOf } from './codecs.ts';
import { packKey } from './layout.ts';
import type { ManifestChunk } from './manifest-types.ts';
import { PackKeys } from './pack-keys.ts';
import type { SiteRepository } from './site-repository.ts';

/** A chunk to read, and the file that needs it, for messages. Callers may carry more along. */
export interface ChunkRequest {
  readonly chunk: ManifestChunk;
  readonly file: string;
}

export interface ReadChunk<Request extends ChunkRequest> {
  readonly request: Request;
  /** Verified; `chunk.size` bytes. */
  readonly plain: Uint8Array;
}

/** Chunks that lie close together in a pack are fetched by one request, up to this many stored bytes and this many plain ones. */
const GROUP_STORED_BYTES = 8 * 1024 * 1024;
const GROUP_PLAIN_BYTES = 16 * 1024 * 1024;

/** Reading over a hole this small costs less than another request. */
const MAX_HOLE_BYTES = 64 * 1024;

/** Requests in flight. With the bounds above this holds at most some 75 MiB. */
const READ_AHEAD = 3;

/**
 * Reads chunks in the order asked for, each decoded and compared with its hash. Neighbours in a pack are fetched together, a few
 * requests ahead. What does not fit its hash is fetched once more by itself; then `object.corrupt` names pack, offset and file.
 * Failures of the store pass through, but a pack that is missing or too short is `object.corrupt` too.
 */
export async function* readChunks<Request extends ChunkRequest>(
  repo: SiteRepository,
  requests: Iterable<Request> | AsyncIterable<Request>,
  signal: AbortSignal,
): AsyncGenerator<ReadChunk<Request>> {
  const stop = new AbortController();
  const each = AbortSignal.any([signal, stop.signal]);
  const source: ChunkSource = { repo, keys: new PackKeys(), signal: each };
  const ahead: Promise<readonly ReadChunk<Request>[]>[] = [];
  try {
    for await (const group of groupNeighbours(requests)) {
      const read = readGroup(source, group);
      // The error is thrown where the group's turn comes; until then nobody else may see it as unhandled.
      read.catch(() => undefined);
      ahead.push(read);
      if (ahead.length >= READ_AHEAD) yield* (await ahead.shift()) ?? [];
    }
    for (const read of ahead) yield* await read;
  } finally {
    stop.abort();
    await Promise.allSettled(ahead);
  }
}

interface ChunkSource {
  readonly repo: SiteRepository;
  readonly keys: PackKeys;
  readonly signal: AbortSignal;
}

async function* groupNeighbours<Request extends ChunkRequest>(
  requests: Iterable<Request> | AsyncIterable<Request>,
): AsyncGenerator<readonly Request[]> {
  let group: Request[] = [];
  let plainBytes = 0;
  for await (const request of requests) {
    const { chunk } = request;
    if (!continues(group, chunk) || plainBytes + chunk.size > GROUP_PLAIN_BYTES) {
      if (group.length > 0) yield group;
      group = [];
      plainBytes = 0;
    }
    group.push(request);
    plainBytes += chunk.size;
  }
  if (group.length > 0) yield group;
}

function continues(group: readonly ChunkRequest[], next: ManifestChunk): boolean {
  const first = group[0]?.chunk;
  const last = group.at(-1)?.chunk;
  if (!first || !last || last.pack.backup !== next.pack.backup || last.pack.number !== next.pack.number) return false;
  const hole = next.offset - (last.offset + last.length);
  return hole >= 0 && hole <= MAX_HOLE_BYTES && next.offset + next.length - first.offset <= GROUP_STORED_BYTES;
}

async function readGroup<Request extends ChunkRequest>(
  source: ChunkSource,
  group: readonly Request[],
): Promise<readonly ReadChunk<Request>[]> {
  const [first] = group;
  const last = group.at(-1);
  if (!first || !last) return [];
  const start = first.chunk.offset;
  const stored = await readRange(source, first, start, last.chunk.offset + last.chunk.length - start).catch(
    // Which chunk is beyond the end comes out when each is read by itself.
    (error: unknown) => (isFailure(error, 'object.corrupt') && group.length > 1 ? undefined : Promise.reject(error)),
  );
  return Promise.all(
    group.map(async (request) => {
      const { chunk } = request;
      const frame = stored?.subarray(chunk.offset - start, chunk.offset - start + chunk.length);
      return { request, plain: await openChunk(source, request, frame) };
    }),
  );
}

async function openChunk(
  source: ChunkSource,
  request: ChunkRequest,
  frame: Uint8Array | undefined,
): Promise<Uint8Array> {
  try {
    if (frame) return await decodeChunk(source, request, frame);
  } catch (error) {
    if (!isFailure(error, 'object.corrupt')) throw error;
  }
  const { chunk } = request;
  return decodeChunk(source, request, await readRange(source, request, chunk.offset, chunk.length));
}

async function decodeChunk(source: ChunkSource, request: ChunkRequest, stored: Uint8Array): Promise<Uint8Array> {
  const { repo } = source;
  const { chunk } = request;
  const codec = openCodecOf(chunk.codec, packKey(repo.site, chunk.pack));
  let plain: Uint8Array;
  try {
    const frame = await decryptChunk(source, request, stored);
    plain = await codec.decode(frame, chunk.size);
  } catch (error) {
    if (!isFailure(error, 'object.corrupt')) throw error;
    throw corrupt(repo, request, error.message, error);
  }
  const sha256 = createHash('sha256').update(plain).digest('hex');
  if (plain.byteLength === chunk.size && sha256 === chunk.sha256) return plain;
  throw corrupt(
    repo,
    request,
    `its ${plain.byteLength} plain bytes have SHA-256 ${sha256.slice(0, 12)}…, not ${chunk.sha256.slice(0, 12)}…`,
  );
}

async function decryptChunk(source: ChunkSource, request: ChunkRequest, stored: Uint8Array): Promise<Uint8Array> {
  const { pack, keyBytes } = request.chunk;
  if (keyBytes === undefined) return stored;
  const sessionKey = await source.keys.get(pack, async () =>
    source.repo.decryptor.openPack(await readRange(source, request, 0, keyBytes), packKey(source.repo.site, pack)),
  );
  return decryptContent(sessionKey, stored);
}

async function readRange(
  { repo, signal }: ChunkSource,
  request: ChunkRequest,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  try {
    const body = await repo.store.get(packKey(repo.site, request.chunk.pack), { range: { offset, length }, signal });
    for await (const piece of body) {
      if (filled + piece.byteLength > length) throw corrupt(repo, request, `the store sent more than ${length} bytes`);
      bytes.set(piece, filled);
      filled += piece.byteLength;
    }
  } catch (error) {
    if (isFailure(error, 'store.not-found')) throw corrupt(repo, request, 'the pack is missing', error);
    if (isFailure(error, 'store.incomplete')) throw corrupt(repo, request, error.message, error);
    throw error;
  }
  if (filled === length) return bytes;
  throw corrupt(repo, request, `the store sent ${filled} of ${length} bytes`);
}

function corrupt(repo: SiteRepository, { chunk, file }: ChunkRequest, what: string, cause?: unknown): Failure {
  return new Failure('object.corrupt', {
    message: `the chunk at offset ${chunk.offset} of ${packKey(repo.site, chunk.pack)}, which "${file}" needs, is damaged: ${what}`,
    hint: `read the file from another repository, or from a backup that does not share the pack (repository "${repo.name}")`,
    ...(cause === undefined ? {} : { cause }),
  });
}
