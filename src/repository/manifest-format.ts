import { CODEC_NAMES } from '../codec/codec.ts';
import { siteName } from '../domain/desired.ts';
import { unreachable } from '../domain/failure.ts';
import { formatInstant, parseInstant } from '../domain/instant.ts';
import { formatLsn, parseLsn } from '../domain/lsn.ts';
import { systemIdentifier } from '../domain/observed.ts';
import { timelineId } from '../domain/timeline.ts';
import { parseBackupId } from './backup-id.ts';
import { FORMAT_VERSION, parseJson, requireVersion } from './document.ts';
import { Fields } from './fields.ts';
import { fileHash } from './file-hash.ts';
import { MAX_PACK_NUMBER, packReference } from './layout.ts';
import type { ManifestChunk, ManifestEntry, ManifestFooter, ManifestHeader, ManifestLine } from './manifest-types.ts';

/** One manifest line as text and back. Reading trusts nothing: sizes, numbers and paths are bounded before anything uses them. */

/** Bound of one line: a line names all chunks of a file, about 140 bytes each, so this allows files of about 400 GiB. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;

/** Bound of a chunk, plain. Chunks are 1 MiB; the slack lets later versions choose, and keeps a reader's memory bounded. */
const MAX_CHUNK_BYTES = 16 * 1024 * 1024;

const MAX_CHUNKS = 1 << 20;
const MAX_TABLESPACES = 65_536;
// Incompressible data grows a little in any codec's frame.
const FRAME_SLACK = 64 * 1024;
const MAX_PATH = 4096;

export function formatManifestLine(line: ManifestLine): string {
  switch (line.kind) {
    case 'header':
      return JSON.stringify({
        ...line,
        formatVersion: FORMAT_VERSION,
        startLsn: formatLsn(line.startLsn),
        startTime: formatInstant(line.startTime),
      });
    case 'file':
      return JSON.stringify({ ...line, chunks: line.chunks.map(formatChunk) });
    case 'directory':
    case 'symlink':
      return JSON.stringify(line);
    case 'footer':
      return JSON.stringify({ ...line, stopLsn: formatLsn(line.stopLsn), stopTime: formatInstant(line.stopTime) });
    default:
      return unreachable(line);
  }
}

// A list in place of an object: a big cluster has millions of chunks.
function formatChunk(chunk: ManifestChunk): readonly unknown[] {
  const pack = `${chunk.pack.backup}/${chunk.pack.number}`;
  const place = [chunk.sha256, chunk.size, chunk.codec, pack, chunk.offset, chunk.length];
  return chunk.keyBytes === undefined ? place : [...place, chunk.keyBytes];
}

/** `where` names manifest and line. Throws `object.corrupt`, or `repository.foreign` for a header of another major version. */
export function parseManifestLine(bytes: Buffer, where: string): ManifestLine {
  const fields = new Fields(parseJson(bytes, where), where);
  const kind = fields.oneOf('kind', ['header', 'file', 'directory', 'symlink', 'footer']);
  switch (kind) {
    case 'header':
      requireVersion(fields, where);
      return parseHeader(fields);
    case 'file':
    case 'directory':
    case 'symlink':
      return parseEntry(fields, kind, where);
    case 'footer':
      return parseFooter(fields);
    default:
      return unreachable(kind);
  }
}

function parseHeader(fields: Fields): ManifestHeader {
  return {
    kind: 'header',
    backup: fields.parsed('backup', parseBackupId),
    site: fields.parsed('site', siteName),
    systemIdentifier: fields.parsed('systemIdentifier', systemIdentifier),
    version: fields.integer('version'),
    method: fields.oneOf('method', ['local', 'sql', 'stream']),
    timeline: fields.counted('timeline', timelineId),
    startLsn: fields.parsed('startLsn', parseLsn),
    startTime: fields.parsed('startTime', parseInstant),
    chunkBytes: fields.integer('chunkBytes', 1, MAX_CHUNK_BYTES),
    tablespaces: fields
      .objects('tablespaces', MAX_TABLESPACES)
      .map((each) => ({ oid: each.text('oid', 10), path: each.text('path', MAX_PATH) })),
  };
}

function parseEntry(fields: Fields, kind: ManifestEntry['kind'], where: string): ManifestEntry {
  const path = safePath(fields);
  if (kind === 'symlink') {
    const target = fields.text('target', MAX_PATH);
    if (target === '' || target.includes('\0')) fields.refuse(`has a symbolic link "${path}" to nowhere`);
    return { kind, path, target };
  }
  const mode = fields.integer('mode', 0, 0o7777);
  const mtime = fields.integer('mtime', Number.MIN_SAFE_INTEGER);
  if (kind === 'directory') return { kind, path, mode, mtime };
  const size = fields.integer('size');
  const chunks = fields.list('chunks', MAX_CHUNKS).map((chunk) => parseChunk(chunk, `${where}: "${path}"`));
  const total = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
  if (total !== size) fields.refuse(`gives "${path}" ${size} bytes, but its chunks ${total}`);
  const sha256 = fields.sha256('sha256');
  if (sha256 !== fileHash(chunks)) fields.refuse(`gives "${path}" a hash that does not follow from its chunks`);
  return { kind, path, mode, mtime, size, sha256, chunks };
}

const CHUNK_FIELDS = ['sha256', 'size', 'codec', 'pack', 'offset', 'length', 'keyBytes'] as const;

// A recipient with a key of 4096 bits takes 526 bytes.
const MAX_KEY_BYTES = 1024 * 1024;

function parseChunk(value: unknown, where: string): ManifestChunk {
  const values: readonly unknown[] = Array.isArray(value) ? value : [];
  const fields = new Fields(
    Object.fromEntries(CHUNK_FIELDS.map((name, index) => [name, values[index]])),
    `a chunk of ${where}`,
  );
  const size = fields.integer('size', 1, MAX_CHUNK_BYTES);
  const encrypted = fields.has('keyBytes') ? { keyBytes: fields.integer('keyBytes', 1, MAX_KEY_BYTES) } : undefined;
  const pack = fields.parsed('pack', (text) => {
    const slash = text.indexOf('/');
    return packReference(parseBackupId(text.slice(0, slash)), Number(text.slice(slash + 1)), encrypted !== undefined);
  });
  if (!Number.isInteger(pack.number) || pack.number < 0 || pack.number > MAX_PACK_NUMBER) {
    fields.refuse(`names pack number ${pack.number}`);
  }
  return {
    sha256: fields.sha256('sha256'),
    size,
    codec: fields.oneOf('codec', CODEC_NAMES),
    pack,
    // Packs are about 64 MiB; offsets have to fit the chunk index's 32 bits.
    offset: fields.integer('offset', 0, 0xffff_ffff),
    length: fields.integer('length', 1, size + FRAME_SLACK),
    ...encrypted,
  };
}

function parseFooter(fields: Fields): ManifestFooter {
  return {
    kind: 'footer',
    stopLsn: fields.parsed('stopLsn', parseLsn),
    stopTime: fields.parsed('stopTime', parseInstant),
    backupLabel: fields.has('backupLabel') ? fields.text('backupLabel') : undefined,
    tablespaceMap: fields.has('tablespaceMap') ? fields.text('tablespaceMap', MAX_LINE_BYTES) : undefined,
    files: fields.integer('files'),
    directories: fields.integer('directories'),
    symlinks: fields.integer('symlinks'),
    chunks: fields.integer('chunks'),
    bytes: fields.integer('bytes'),
  };
}

/** A relative path that cannot leave the directory it is joined to. */
export function isSafePath(path: string): boolean {
  if (path === '' || path.length > MAX_PATH || path.includes('\0')) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

function safePath(fields: Fields): string {
  const path = fields.text('path');
  return isSafePath(path)
    ? path
    : fields.refuse(`has the path ${JSON.stringify(path.slice(0, 80))}, which is not a path below the data directory`);
}
