import { unreachable } from '../domain/failure.ts';
import type { ManifestCounts, ManifestEntry } from './manifest-types.ts';

/** What the footer of a manifest says, while it is being counted. */
export type Counts = { -readonly [Name in keyof ManifestCounts]: ManifestCounts[Name] };

export const noCounts = (): Counts => ({ files: 0, directories: 0, symlinks: 0, chunks: 0, bytes: 0 });

export function countEntry(entry: ManifestEntry, counts: Counts): void {
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
