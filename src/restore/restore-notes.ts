import { formatInstant } from '../domain/instant.ts';
import { formatLsn } from '../domain/lsn.ts';
import { segmentName } from '../domain/segment.ts';
import type { Candidate } from './restore-candidate.ts';
import type { RestoreRequest, RestoreSource } from './restore-request.ts';
import { describeTarget } from './target-unreachable.ts';

/** What whoever asked for a restore should know although nothing forbids it. */
export function notesOn(
  sources: readonly RestoreSource[],
  chosen: Candidate,
  request: RestoreRequest,
): readonly string[] {
  return [
    ...unseen(sources),
    ...unlocated(chosen, request),
    ...idle(chosen, request),
    ...hole(chosen, request),
    ...branches(chosen, request),
  ];
}

function unseen(sources: readonly RestoreSource[]): readonly string[] {
  return sources.flatMap(({ repository, observation }) =>
    observation.kind === 'unknown'
      ? [`repository "${repository}" could not be looked at and may hold more: ${observation.reason}`]
      : [],
  );
}

function unlocated({ backup }: Candidate, { target, backup: named }: RestoreRequest): readonly string[] {
  if (target.kind !== 'xid' && target.kind !== 'name') return [];
  const choice = named === undefined ? `the newest backup ${backup.id} is taken; name an older one if` : 'if';
  return [
    `where ${describeTarget(target)} lies is known only by reading the WAL: ${choice} it lies before ${formatInstant(backup.stopTime)}. Where recovery does not meet it, PostgreSQL ends with "recovery ended before configured recovery target was reached"`,
  ];
}

/**
 * Recovery ends at a time only by a commit after it. When segments were stored bounds the commits in them, but nothing says that the
 * last one holds any: on an idle server the newest commit may be much older.
 */
function idle({ way, wal }: Candidate, { target }: RestoreRequest): readonly string[] {
  if (target.kind !== 'time' || way.kind !== 'open') return [];
  const end = way.stretches.at(-1);
  if (!end) return [];
  const { segments = [] } = wal.indexes.get(end.timeline) ?? {};
  const before = segments.findLast(({ number }) => (BigInt(number) + 1n) * BigInt(wal.size) < end.toLsn);
  if (before && before.storedAt >= target.at) return [];
  return [
    `only the last stored segment can hold a commit after that moment: where it holds none (an idle server), PostgreSQL ends with "recovery ended before configured recovery target was reached"; then everything that was committed is in what a restore without a target gives`,
  ];
}

/** WAL that lies behind a hole is of no use, and nobody may believe that it was replayed. */
function hole({ way, wal }: Candidate, { target }: RestoreRequest): readonly string[] {
  if (target.kind !== 'latest' || way.kind !== 'open') return [];
  const { timeline, number } = way.reach.missing;
  const beyond = wal.indexes.get(timeline)?.segments.at(-1);
  if (!beyond || beyond.number <= number) return [];
  const name = segmentName(way.reach.missing, wal.size);
  return [
    `recovery ends at ${formatLsn(way.reach.lsn)}, because segment ${name} is not stored; the WAL behind it, up to ${segmentName({ timeline, number: beyond.number }, wal.size)}, cannot be used`,
  ];
}

/** Timelines on which WAL was written after the way had left them: perhaps somebody wanted that branch. */
function branches({ way, wal, timeline }: Candidate, { target, timeline: wanted }: RestoreRequest): readonly string[] {
  if (way.kind !== 'open' || wanted !== 'latest' || target.kind === 'immediate') return [];
  const path = wal.paths.get(timeline) ?? [];
  return path.flatMap((piece) => {
    const last = wal.indexes.get(piece.timeline)?.segments.at(-1);
    if (piece.end === undefined || !last || BigInt(last.number) * BigInt(wal.size) <= piece.end) return [];
    return [
      `timeline ${piece.timeline} goes on after timeline ${timeline} forked off at ${formatLsn(piece.end)}: give --timeline ${piece.timeline} if that is the branch you want`,
    ];
  });
}
