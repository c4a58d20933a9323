import type { StoredBackup } from './observed.ts';
import type { RecoveryMap } from './reach.ts';
import { type SegmentNumber, segmentAt, segmentBefore, segmentName } from './segment.ts';
import { indexWal, missingIn, type SegmentRange } from './wal-index.ts';

/** The segments that make a backup consistent: from the one of its start LSN to the one before its stop LSN. */
export function consistencyRange(wal: RecoveryMap, backup: StoredBackup): SegmentRange {
  return { first: segmentAt(backup.startLsn, wal.size), last: segmentBefore(backup.stopLsn, wal.size) };
}

/** Says in words what a backup lacks. Call it only for a backup that is not restorable. */
export function whyUnrestorable(wal: RecoveryMap, backup: StoredBackup): string {
  const damage = wal.damaged.get(backup.id);
  if (damage !== undefined) return damage;
  const index = wal.indexes.get(backup.timeline) ?? indexWal([]);
  const range = consistencyRange(wal, backup);
  const missing = missingIn(index, range);
  const name = (number: SegmentNumber): string => segmentName({ timeline: backup.timeline, number }, wal.size);
  const conflict = [...index.conflicts].find((number) => number >= range.first && number <= range.last);
  if (conflict !== undefined) return `WAL segment ${name(conflict)} is stored with different contents`;
  const [first] = missing;
  const last = missing.at(-1);
  if (!first || !last) return `its timeline ${backup.timeline} has a history that cannot be followed`;
  const count = missing.reduce((sum, hole) => sum + hole.last - hole.first + 1, 0);
  if (count === 1) return `WAL segment ${name(first.first)} is not stored`;
  return `${count} WAL segments from ${name(first.first)} to ${name(last.last)} are not stored`;
}
