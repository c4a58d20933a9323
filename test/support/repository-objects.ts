import { createHash } from 'node:crypto';
import { isFailure } from '../../src/domain/failure.ts';
import { DEFAULT_SEGMENT_SIZE, segmentName, segmentNumber } from '../../src/domain/segment.ts';
import { timelineId } from '../../src/domain/timeline.ts';
import { parseWalFileName } from '../../src/domain/wal-file.ts';
import type { SiteRepository } from '../../src/repository/site-repository.ts';
import { storeWal } from '../../src/repository/wal-objects.ts';
import { calm } from './temporary-repository.ts';

/** Puts an object as it is, past all checks of the repository layer. */
export async function putText(repo: SiteRepository, key: string, text: string): Promise<void> {
  await repo.store.put(key, piecesOf(Buffer.from(text)), { signal: calm() });
}

/** Stores a text under a WAL name, past all checks of the WAL layer. */
export async function storeText(repo: SiteRepository, name: string, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await storeWal(repo, parseWalFileName(name), { sha256, size: bytes.length, open: () => piecesOf(bytes) }, calm());
}

async function* piecesOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The name of a segment of 16 MiB on timeline 1. */
export const nameOf = (number: number): string =>
  segmentName({ timeline: timelineId(1), number: segmentNumber(number) }, DEFAULT_SEGMENT_SIZE);

/** The failure code that work ends with, `none` where it succeeds. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => (isFailure(error) ? error.code : String(error)),
  );
}
