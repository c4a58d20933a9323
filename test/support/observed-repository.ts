import { bytesOf } from '../../src/domain/bytes.ts';
import { type Instant, instant } from '../../src/domain/instant.ts';
import { type Lsn, lsn } from '../../src/domain/lsn.ts';
import {
  backupId,
  type ObservedRepository,
  type StoredBackup,
  type StoredPack,
  type StoredSegment,
  systemIdentifier,
} from '../../src/domain/observed.ts';
import { DEFAULT_SEGMENT_SIZE, type SegmentSize, segmentNumber } from '../../src/domain/segment.ts';
import { type TimelineHistory, type TimelineId, timelineId } from '../../src/domain/timeline.ts';

/** Short ways to write down what a repository holds, in segments and hours, for tables of cases. */

export const SIZE: SegmentSize = DEFAULT_SEGMENT_SIZE;
export const SYSTEM = systemIdentifier('7123456789012345678');

/** The LSN `fraction` of the way into segment `segment`. */
export function at(segment: number, fraction = 0): Lsn {
  return lsn(BigInt(segment) * BigInt(SIZE) + BigInt(Math.floor(fraction * SIZE)));
}

const EPOCH = Date.UTC(2026, 0, 1);

/** Hours after 2026-01-01T00:00Z. */
export const hour = (hours: number): Instant => instant(EPOCH + hours * 3_600_000);

export interface BackupSketch {
  readonly id?: string;
  readonly timeline?: number;
  /** In segments, with a fraction: 3.5 is the middle of segment 3. */
  readonly start: number;
  readonly stop: number;
  /** Hours. */
  readonly time: number;
  readonly duration?: number;
  readonly carriesWal?: boolean;
  readonly packs?: readonly [id: string, number: number][];
  readonly system?: string;
}

const position = (segments: number): Lsn => at(Math.floor(segments), segments % 1);

export function backup(sketch: BackupSketch): StoredBackup {
  const id = sketch.id ?? `b${sketch.time}`;
  return {
    id: backupId(id),
    systemIdentifier: sketch.system === undefined ? SYSTEM : systemIdentifier(sketch.system),
    version: 180_000,
    method: 'stream',
    timeline: timelineId(sketch.timeline ?? 1),
    startLsn: position(sketch.start),
    stopLsn: position(sketch.stop),
    startTime: hour(sketch.time),
    stopTime: hour(sketch.time + (sketch.duration ?? 0)),
    carriesWal: sketch.carriesWal ?? false,
    bytes: bytesOf(1000),
    storedBytes: bytesOf(100),
    packs: (sketch.packs ?? [[id, 0]]).map(([owner, number]) => ({ backup: backupId(owner), number })),
  };
}

/** Segments `first` to `last`, each stored at the hour of its number unless `time` says otherwise. */
export function segments(
  first: number,
  last: number,
  time: (number: number) => number = (number) => number,
): readonly StoredSegment[] {
  return Array.from({ length: last - first + 1 }, (_, index) => ({
    number: segmentNumber(first + index),
    size: bytesOf(SIZE),
    storedAt: hour(time(first + index)),
    hash: `h${first + index}`,
    conflict: false,
  }));
}

/** `history(3, [1, 5.5], [2, 9])`: timeline 3 left 1 in the middle of segment 5 and 2 at the start of segment 9. */
export function history(
  timeline: number,
  ...ancestors: readonly [timeline: number, leftAt: number][]
): TimelineHistory {
  return {
    timeline: timelineId(timeline),
    ancestors: ancestors.map(([ancestor, leftAt]) => ({ timeline: timelineId(ancestor), switchLsn: position(leftAt) })),
  };
}

export interface RepositorySketch {
  readonly backups?: readonly BackupSketch[];
  readonly wal?: Readonly<Record<number, readonly StoredSegment[]>>;
  readonly histories?: readonly TimelineHistory[];
  readonly rest?: Partial<ObservedRepository>;
}

export function repository(sketch: RepositorySketch): ObservedRepository {
  const wal = new Map<TimelineId, readonly StoredSegment[]>();
  for (const [timeline, stored] of Object.entries(sketch.wal ?? {})) wal.set(timelineId(Number(timeline)), stored);
  const backups = (sketch.backups ?? []).map(backup);
  return {
    identity: { systemIdentifier: SYSTEM, segmentSize: SIZE },
    backups,
    unreadableBackups: [],
    wal,
    histories: new Map((sketch.histories ?? []).map((entry) => [entry.timeline, entry])),
    otherWalFiles: new Set(),
    walRecipients: [],
    packs: packsOf(backups),
    strays: [],
    holds: [],
    proofs: [],
    ...sketch.rest,
  };
}

/** Every pack that the backups name, once. */
function packsOf(backups: readonly StoredBackup[]): readonly StoredPack[] {
  const packs = new Map<string, StoredPack>();
  for (const { packs: named, startTime } of backups) {
    for (const pack of named) {
      const key = `${pack.backup}/${pack.number}`;
      if (!packs.has(key)) packs.set(key, { ...pack, size: bytesOf(10), storedAt: startTime });
    }
  }
  return [...packs.values()];
}
