import type { ObservedRepository, StoredBackup } from '../../src/domain/observed.ts';
import type { TimelineId } from '../../src/domain/timeline.ts';

/**
 * What can be restored, worked out moment by moment the way PostgreSQL replays: slow, short, and sharing nothing with the product's
 * computation. Positions are counted in quarters of a segment.
 */
export interface Moments {
  /** `timeline:quarter` for each position that some backup leads to. */
  readonly all: ReadonlySet<string>;
  readonly byBackup: ReadonlyMap<string, ReadonlySet<string>>;
}

export function restorableMoments(repository: ObservedRepository, quarter: bigint): Moments {
  const stored = new Set<string>();
  for (const [timeline, segments] of repository.wal) {
    const bad = new Set(segments.filter((s) => s.conflict).map((s) => s.number));
    for (const { number } of segments) if (!bad.has(number)) stored.add(`${timeline}:${number}`);
  }
  const packs = new Set(repository.packs.map((pack) => `${pack.backup}:${pack.number}`));
  const targets = new Set([
    ...repository.histories.keys(),
    ...repository.wal.keys(),
    ...repository.backups.map((b) => b.timeline),
  ]);
  const byBackup = new Map<string, Set<string>>();
  for (const backup of repository.backups) {
    if (!backup.packs.every((pack) => packs.has(`${pack.backup}:${pack.number}`))) continue;
    for (const target of targets) {
      const moments = replay(repository, stored, backup, target, quarter);
      if (!moments) continue;
      const known = byBackup.get(backup.id) ?? new Set();
      byBackup.set(backup.id, known);
      for (const moment of moments) known.add(moment);
    }
  }
  return { all: new Set([...byBackup.values()].flatMap((moments) => [...moments])), byBackup };
}

interface Line {
  readonly timeline: TimelineId;
  readonly from: number;
  readonly to: number;
}

function replay(
  repository: ObservedRepository,
  stored: ReadonlySet<string>,
  backup: StoredBackup,
  target: TimelineId,
  quarter: bigint,
): readonly string[] | undefined {
  const inQuarters = (lsn: bigint): number => Number(lsn / quarter);
  const lines: Line[] = [];
  let from = 0;
  for (const { timeline, switchLsn } of repository.histories.get(target)?.ancestors ?? []) {
    lines.push({ timeline, from, to: inQuarters(switchLsn) });
    from = inQuarters(switchLsn);
  }
  lines.push({ timeline: target, from, to: Number.POSITIVE_INFINITY });
  const [start, stop] = [inQuarters(backup.startLsn), inQuarters(backup.stopLsn)];
  if (!lines.some((line) => line.timeline === backup.timeline && stop <= line.to)) return undefined;

  let at = backup.carriesWal ? stop : start;
  for (;;) {
    const segment = Math.floor(at / 4);
    const file = lines.findLast(
      (line) => Math.floor(line.from / 4) <= segment && stored.has(`${line.timeline}:${segment}`),
    );
    const end = file ? Math.min((segment + 1) * 4, file.to) : at;
    if (end <= at) break;
    at = end;
  }
  if (at < stop) return undefined;
  const moments: string[] = [];
  for (let moment = stop; moment <= at; moment += 1) {
    const line = lines.find(({ timeline, to }) => moment <= to && (moment > stop || timeline === backup.timeline));
    if (line) moments.push(`${line.timeline}:${moment}`);
  }
  return moments;
}
