import { isFailure } from '../domain/failure.ts';
import { packName } from '../domain/observed.ts';
import { type ChunkRequest, readChunks } from './chunk-reader.ts';
import { fileHash } from './file-hash.ts';
import { packKey } from './layout.ts';
import type { ManifestFile, ManifestHeader } from './manifest-types.ts';
import { requireMarkerFit } from './marker-fit.ts';
import { readManifest } from './read-manifest.ts';
import type { StoredWork } from './verify-stored.ts';

/** Chunks that are read in one go; where one is damaged, they are read again one by one to find all that are. */
const CHUNKS_AT_ONCE = 256;

interface VerifiedContent {
  /** Everything was opened, or found to be damaged. */
  readonly complete: boolean;
  readonly files: number;
  readonly chunks: number;
  readonly bytes: number;
}

/** Opens the manifest and every chunk that it names. Ends early where a key does not open them, or the manifest is not whole. */
export async function verifyContent(work: StoredWork): Promise<VerifiedContent> {
  const { repo, marker, findings, signal } = work;
  const counted = { complete: false, files: 0, chunks: 0, bytes: 0 };
  const named = new Set(marker.packs.map(packName));
  let header: ManifestHeader | undefined;
  let batch: ChunkRequest[] = [];
  try {
    for await (const line of readManifest(repo, marker, signal)) {
      if (line.kind === 'header') header = line;
      else if (line.kind === 'footer') requireMarkerFit(repo, marker, header, line);
      else if (line.kind === 'file') {
        counted.files += 1;
        checkFile(work, line, named);
        for (const chunk of line.chunks) {
          batch.push({ chunk, file: line.path });
          if (batch.length < CHUNKS_AT_ONCE) continue;
          await readBatch(work, batch, counted);
          batch = [];
        }
      }
    }
    await readBatch(work, batch, counted);
    counted.complete = true;
  } catch (error) {
    findings.take(marker.manifest.key, error);
  }
  return counted;
}

function checkFile({ marker, findings }: StoredWork, file: ManifestFile, named: ReadonlySet<string>): void {
  const { key } = marker.manifest;
  if (file.sha256 !== fileHash(file.chunks))
    findings.damaged(key, `${key} gives "${file.path}" a hash that is not that of its chunks`);
  const strange = file.chunks.find(({ pack }) => !named.has(packName(pack)));
  if (strange)
    findings.damaged(key, `${key} names the pack ${packName(strange.pack)}, which backup.json does not name`);
}

async function readBatch(
  work: StoredWork,
  batch: readonly ChunkRequest[],
  counted: { chunks: number; bytes: number },
): Promise<void> {
  const { repo, findings, signal, onBytes } = work;
  let done = 0;
  const read = async (requests: readonly ChunkRequest[]): Promise<void> => {
    for await (const { plain } of readChunks(repo, requests, signal)) {
      done += 1;
      counted.chunks += 1;
      counted.bytes += plain.byteLength;
      onBytes(plain.byteLength);
    }
  };
  try {
    await read(batch);
  } catch (error) {
    if (!isFailure(error, 'object.corrupt')) throw error;
    for (const request of batch.slice(done)) {
      try {
        await read([request]);
      } catch (each) {
        // A key that opens nothing is one finding, not one for every chunk.
        if (!isFailure(each, 'object.corrupt')) throw each;
        findings.take(packKey(repo.site, request.chunk.pack), each);
      }
    }
  }
}
