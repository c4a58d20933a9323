import { unreachable } from '../domain/failure.ts';
import type { StoredBackup } from '../domain/observed.ts';
import { mapRecovery, type RecoveryMap } from '../domain/reach.ts';
import { followPath, reachableTimelines } from '../domain/recovery-path.ts';
import type { TimelineId } from '../domain/timeline.ts';
import { type MergedSource, mergeSources } from './merge-sources.ts';
import type { Candidate } from './restore-candidate.ts';
import { notesOn } from './restore-notes.ts';
import type { RecoveryTarget, RestoreChoice, RestoreRequest, RestoreSource } from './restore-request.ts';
import { noBackup, targetUnreachable } from './target-unreachable.ts';

type OpenCandidate = Candidate & { readonly way: { readonly kind: 'open' } };

/**
 * Chooses repository and backup for a restore and checks its whole way before anything is touched: the backup is whole and lies on the
 * target timeline's history before the fork, every segment to the target is stored in one of the repositories, and the target lies in what
 * they lead to.
 *
 * Throws `restore.target-unreachable` with what can be restored in the hint, `backup.not-found` for an id that no repository holds,
 * `store.unavailable` where no repository could be looked at. Pure.
 */
export function planRestore(sources: readonly RestoreSource[], request: RestoreRequest): RestoreChoice {
  const merged = mergeSources(sources);
  const candidates = merged.flatMap((source) => candidatesIn(source, request));
  if (candidates.length === 0) throw noBackup(sources, request);
  const fitting = candidates.filter(
    (candidate): candidate is OpenCandidate => whyNot(candidate, request) === undefined,
  );
  // Sorting is stable: of equal ones, the one in the preferred repository stays first.
  const [best] = fitting.toSorted((a, b) => b.timeline - a.timeline || byProgress(a, b, request.target));
  if (!best) {
    const reasons = new Map(candidates.map((candidate) => [candidate.backup, whyNot(candidate, request) ?? '']));
    throw targetUnreachable(merged, request, reasons);
  }
  const end = best.way.kind === 'open' ? best.way.stretches.at(-1) : undefined;
  return {
    target: request.target,
    backup: best.backup,
    repository: best.source.repository,
    alternatives: fitting
      .filter(({ backup, source }) => backup.id === best.backup.id && source.repository !== best.source.repository)
      .map(({ source }) => source.repository),
    timeline: best.timeline,
    reach: { lsn: end?.toLsn ?? best.backup.stopLsn, time: end?.toTime ?? best.backup.stopTime },
    notes: notesOn(sources, best, request),
  };
}

function candidatesIn(source: MergedSource, request: RestoreRequest): readonly Candidate[] {
  const wal = mapRecovery(source.observed, source.size);
  return source.observed.backups
    .filter(({ id }) => request.backup === undefined || request.backup === id)
    .map((backup) => {
      const timeline = timelineFor(wal, backup, request);
      return { source, wal, backup, timeline, way: followPath(wal, backup, timeline) };
    });
}

/**
 * PostgreSQL's own `latest` takes the newest history file that it finds, whether the backup leads there or not, and then refuses to
 * start; so the newest timeline that this backup leads to is named to it.
 */
function timelineFor(wal: RecoveryMap, backup: StoredBackup, { timeline, target }: RestoreRequest): TimelineId {
  if (timeline === 'current') return backup.timeline;
  // The end of the backup lies on its own timeline; what forks off later does not matter.
  if (timeline === 'latest')
    return (target.kind === 'immediate' ? undefined : reachableTimelines(wal, backup).at(-1)) ?? backup.timeline;
  return timeline as TimelineId;
}

/** Why a restore of this candidate does not get to the target, in words that follow "backup X: "; undefined where it does. */
function whyNot({ backup, way, timeline }: Candidate, { target }: RestoreRequest): string | undefined {
  if (way.kind !== 'open') return way.reason;
  const end = way.stretches.at(-1);
  if (!end) return 'its way has no end';
  switch (target.kind) {
    case 'latest':
    case 'xid':
    case 'name':
      return way.arrives ? undefined : `the WAL that leads to timeline ${timeline} is not all stored`;
    case 'time':
      if (backup.stopTime > target.at) return 'it ended after that moment';
      return end.toTime < target.at ? 'the WAL that is stored after it ends before that moment' : undefined;
    case 'lsn':
      if (backup.stopLsn > target.lsn) return 'it ended after that LSN';
      // Recovery stops at a record that begins at the LSN or after it: such a record has to be there.
      return end.toLsn <= target.lsn ? 'the WAL that is stored after it ends before that LSN' : undefined;
    case 'immediate':
      return undefined;
    default:
      return unreachable(target);
  }
}

/** The better one first: what gets furthest where the target is the end, else the newest backup, which has the least to replay. */
function byProgress(a: Candidate, b: Candidate, target: RecoveryTarget): number {
  const reachOf = ({ way }: Candidate): bigint => (way.kind === 'open' ? way.reach.lsn : 0n);
  const further = target.kind === 'latest' ? compare(reachOf(b), reachOf(a)) : 0;
  return further || compare(b.backup.stopLsn, a.backup.stopLsn) || b.backup.startTime - a.backup.startTime;
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
