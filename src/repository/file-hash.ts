import { createHash } from 'node:crypto';
import type { ManifestChunk } from './manifest-types.ts';

/**
 * ManifestFile.sha256 from the chunks of a file, in file order: the chunk's own hash for one chunk, the SHA-256 over all hashes (32 bytes each)
 * for more, the SHA-256 of no bytes for none. It needs no pass over the content.
 */
export function fileHash(chunks: readonly Pick<ManifestChunk, 'sha256'>[]): string {
  const [only] = chunks;
  if (only && chunks.length === 1) return only.sha256;
  const all = createHash('sha256');
  for (const { sha256 } of chunks) all.update(sha256, 'hex');
  return all.digest('hex');
}
