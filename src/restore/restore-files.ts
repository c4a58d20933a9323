import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ChunkRequest } from '../repository/chunk-reader.ts';
import type { ManifestEntry, ManifestFile, ManifestLine } from '../repository/manifest-types.ts';
import { readManifest } from '../repository/read-manifest.ts';
import type { Reporter } from '../telemetry/reporter.ts';
import { readChunksFromAny } from './chunk-source.ts';
import type { ClaimedDestination } from './destination.ts';
import { FileWriter, type UnfinishedFile } from './file-writer.ts';
import type { FolderMaker } from './folder-maker.ts';
import { mapAhead } from './map-ahead.ts';
import { placeOf } from './restore-layout.ts';
import type { ManifestSurvey } from './survey-manifest.ts';
import type { PlacedTablespace } from './tablespaces.ts';

export interface RestoredFiles {
  readonly files: number;
  readonly bytes: number;
  /** Files of an interrupted restore that were complete already. */
  readonly kept: number;
}

interface Placed extends ChunkRequest {
  readonly target: UnfinishedFile;
  /** Where in the file the chunk begins. */
  readonly at: number;
}

interface Entry {
  readonly line: ManifestEntry;
  readonly path: string;
  readonly complete: boolean;
}

/** Files of a resumed restore that are compared at the same time. */
const LOOKS_AHEAD = 8;
const PIECE = 1024 * 1024;

export interface FilesOrder {
  readonly survey: ManifestSurvey;
  readonly dataDirectory: string;
  readonly tablespaces: readonly PlacedTablespace[];
  readonly destination: ClaimedDestination;
  readonly folders: FolderMaker;
  readonly task: string;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/**
 * Writes every directory and file of the manifest to its place, with pg_control under its waiting name. Every chunk is verified before it is
 * written; when it resolves, every file is durable. What a resumed restore finds complete, by size and hash, is kept.
 */
export async function restoreFiles(order: FilesOrder): Promise<RestoredFiles> {
  const { survey, task, reporter, signal } = order;
  const writer = new FileWriter(order.destination.owner);
  const result = { files: 0, bytes: 0, kept: 0 };
  const advance = (bytes: number): void => {
    result.bytes += bytes;
    reporter.report({ kind: 'progress', task, doneBytes: result.bytes, totalBytes: survey.footer.bytes });
  };
  const note = (message: string): void => reporter.report({ kind: 'note', level: 'warning', message });
  const look = async (line: ManifestLine): Promise<Entry | undefined> => {
    if (line.kind === 'header' || line.kind === 'footer') return undefined;
    const path = placeOf(line.path, order.dataDirectory, order.tablespaces);
    if (path === undefined || line.kind !== 'file')
      return path === undefined ? undefined : { line, path, complete: false };
    await order.folders.make(dirname(path));
    return { line, path, complete: order.destination.resumed && (await isComplete(path, line)) };
  };
  async function* requests(): AsyncGenerator<Placed> {
    const lines = readManifest(survey.repositories[0], survey.marker, signal);
    for await (const entry of mapAhead(lines, order.destination.resumed ? LOOKS_AHEAD : 1, look)) {
      if (!entry) continue;
      const { line, path, complete } = entry;
      if (line.kind === 'directory') {
        await order.folders.make(path, line.mode);
      } else if (line.kind === 'symlink') {
        // PostgreSQL's only links are those to tablespaces; any other could lead files of the backup to where they must not go.
        note(`the backup has a symbolic link ${line.path} to ${line.target}, which is not restored`);
      } else {
        result.files += 1;
        const target = { path, mode: line.mode, mtime: line.mtime, left: line.chunks.length };
        if (complete) {
          result.kept += 1;
          advance(line.size);
          await writer.keep(target);
        } else if (line.chunks.length === 0) {
          await writer.write(target, 0, new Uint8Array(0));
        } else {
          yield* placed(line, target);
        }
      }
    }
  }
  try {
    for await (const { request, plain } of readChunksFromAny(survey.repositories, requests(), note, signal)) {
      await writer.write(request.target, request.at, plain);
      advance(plain.length);
    }
    await writer.drain();
  } finally {
    await writer.close();
  }
  return result;
}

function* placed(line: ManifestFile, target: UnfinishedFile): Generator<Placed> {
  let at = 0;
  for (const chunk of line.chunks) {
    yield { chunk, file: line.path, target, at };
    at += chunk.size;
  }
}

async function isComplete(path: string, file: ManifestFile): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isFile() !== true || found.size !== file.size) return false;
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const buffer = Buffer.allocUnsafe(Math.min(file.size, PIECE));
    // By its chunks: the hash of a longer file is no hash of its content.
    for (const { sha256, size } of file.chunks) {
      if ((await hashNext(handle, size, buffer)) !== sha256) return false;
    }
    return true;
  } finally {
    await handle.close();
  }
}

/** SHA-256 of the next `size` bytes, of fewer where the file ends before. */
async function hashNext(handle: FileHandle, size: number, buffer: Buffer): Promise<string> {
  const hash = createHash('sha256');
  for (let left = size; left > 0; ) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(left, buffer.length), null);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    left -= bytesRead;
  }
  return hash.digest('hex');
}
