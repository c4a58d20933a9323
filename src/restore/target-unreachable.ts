import { Failure, unreachable } from '../domain/failure.ts';
import { formatInstant, formatPreciseInstant } from '../domain/instant.ts';
import { formatLsn } from '../domain/lsn.ts';
import type { StoredBackup } from '../domain/observed.ts';
import { computeRecoveryWindow, type RecoveryInterval } from '../domain/recovery-window.ts';
import type { MergedSource } from './merge-sources.ts';
import type { RecoveryTarget, RestoreRequest, RestoreSource } from './restore-request.ts';

/** Backups in a message; more of them hide what matters. */
const MOST_REASONS = 3;

/** The refusal where no repository has a backup to begin with. */
export function noBackup(sources: readonly RestoreSource[], request: RestoreRequest): Failure {
  const names = sources.map(({ repository }) => `"${repository}"`).join(', ');
  const unknown = sources
    .filter(({ observation }) => observation.kind === 'unknown')
    .map(({ repository }) => `"${repository}"`);
  const seen = unknown.length === 0 ? '' : ` (${unknown.join(', ')} could not be looked at)`;
  if (request.backup !== undefined) {
    return new Failure('backup.not-found', {
      message: `there is no backup ${request.backup} in ${names}${seen}`,
      hint: 'list the backups with `hoard backup list`',
    });
  }
  return new Failure('restore.target-unreachable', {
    message: `there is no backup of the site in ${names}${seen}`,
    hint: 'take one with `hoard backup take`',
  });
}

/** The refusal where no backup leads to the target: why not, and what can be restored instead. */
export function targetUnreachable(
  merged: readonly MergedSource[],
  request: RestoreRequest,
  reasons: ReadonlyMap<StoredBackup, string>,
): Failure {
  // Newest first, each id once, whatever number of repositories holds it.
  const newest = [...reasons].toSorted(([a], [b]) => b.startTime - a.startTime);
  const sentences = [...new Map(newest.map(([backup, reason]) => [backup.id, reason]))].map(
    ([id, reason]) => `backup ${id}: ${reason}`,
  );
  const more = sentences.length > MOST_REASONS ? `; and ${sentences.length - MOST_REASONS} more` : '';
  return new Failure('restore.target-unreachable', {
    message: `nothing that is stored leads to ${describeTarget(request.target)} (${sentences.slice(0, MOST_REASONS).join('; ')}${more})`,
    hint: describeWindow(merged, request.target),
  });
}

export function describeTarget(target: RecoveryTarget): string {
  switch (target.kind) {
    case 'latest':
      return 'the end of the stored WAL';
    case 'time':
      return `the moment ${formatPreciseInstant(target)}`;
    case 'lsn':
      return `LSN ${formatLsn(target.lsn)}`;
    case 'xid':
      return `transaction ${target.xid}`;
    case 'name':
      return `the restore point "${target.name}"`;
    case 'immediate':
      return 'the end of a backup';
    default:
      return unreachable(target);
  }
}

function describeWindow(merged: readonly MergedSource[], target: RecoveryTarget): string {
  const intervals = merged.flatMap(({ observed, size }) => computeRecoveryWindow(observed, size).intervals);
  if (intervals.length === 0) return 'nothing can be restored at present: `hoard status` says what is missing';
  const distinct = [...new Map(intervals.map((interval) => [describeInterval(interval), interval])).values()];
  const [nearest] = distinct.toSorted((a, b) => distance(a, target) - distance(b, target));
  const others =
    distinct.length > 1
      ? `, and ${distinct.length === 2 ? 'another stretch' : `${distinct.length - 1} other stretches`}: \`hoard status\` lists them`
      : '';
  return `what can be restored is ${nearest ? describeInterval(nearest) : ''}${others}`;
}

function describeInterval(interval: RecoveryInterval): string {
  const { timeline, fromLsn, toLsn, fromTime, toTime } = interval;
  return `${formatInstant(fromTime)} to ${formatInstant(toTime)} on timeline ${timeline} (LSN ${formatLsn(fromLsn)} to ${formatLsn(toLsn)})`;
}

/** How far an interval is from what was asked for; for targets without a place, the newest interval is the nearest. */
function distance(interval: RecoveryInterval, target: RecoveryTarget): number {
  const gap = (at: number, from: number, to: number): number => Math.max(from - at, at - to, 0);
  if (target.kind === 'time') return gap(target.at, interval.fromTime, interval.toTime);
  if (target.kind === 'lsn') return gap(Number(target.lsn), Number(interval.fromLsn), Number(interval.toLsn));
  return 0 - interval.toTime;
}
