import { Failure, isFailure, unreachable } from '../domain/failure.ts';
import { parseTimelineHistory } from '../domain/timeline.ts';
import type { WalFile } from '../domain/wal-file.ts';
import { parseBackupLabel } from '../postgres/backup-label.ts';
import { checkSegment } from '../postgres/wal-check.ts';
import { LONG_HEADER_BYTES } from '../postgres/wal-page.ts';
import type { SiteIdentity } from '../repository/identity.ts';

/** History and backup history files are a few lines of text. */
export const MAX_TEXT_BYTES = 1024 * 1024;

/** How much of a file `checkWalContent` needs to see: the first page header, or all of a text. */
export const headBytesOf = (file: WalFile): number => (isSegmentLike(file) ? LONG_HEADER_BYTES : MAX_TEXT_BYTES);

/** Segments and unfinished segments: they say themselves which cluster wrote them. */
export const isSegmentLike = (file: WalFile): boolean => file.kind === 'segment' || file.kind === 'partial';

/**
 * Checks that content fits its name. `head` is the first `headBytesOf(file)` bytes, `size` the size of all. Throws `wal.mismatch`, or
 * `site.foreign-cluster` where `identity` is given and the content is of another cluster. Returns the cluster that a segment names.
 */
export function checkWalContent(
  file: WalFile,
  head: Buffer,
  size: number,
  identity: SiteIdentity | undefined,
): SiteIdentity | undefined {
  switch (file.kind) {
    case 'segment':
    case 'partial': {
      const { systemIdentifier, segmentSize } = checkSegment({ name: file.name, head, size, identity });
      return { systemIdentifier, segmentSize };
    }
    case 'history':
      parsing(file, size, () => parseTimelineHistory(file.timeline, head.toString('utf8')));
      return undefined;
    case 'backup-label': {
      const label = parsing(file, size, () => parseBackupLabel(head.toString('utf8')));
      if (label.startSegment !== file.name.slice(0, 24))
        throw mismatch(file, `is of a backup that starts in ${label.startSegment}`);
      return undefined;
    }
    default:
      return unreachable(file);
  }
}

function parsing<T>(file: WalFile, size: number, parse: () => T): T {
  if (size > MAX_TEXT_BYTES) throw mismatch(file, `has ${size} bytes, far too many for a file of its kind`);
  try {
    return parse();
  } catch (error) {
    if (!isFailure(error, 'postgres.format', 'value.invalid')) throw error;
    throw mismatch(file, `is not what its name says: ${error.message}`, error);
  }
}

function mismatch(file: WalFile, what: string, cause?: unknown): Failure {
  return new Failure('wal.mismatch', { message: `${file.name} ${what}`, ...(cause === undefined ? {} : { cause }) });
}
