import { bytesOf } from './bytes.ts';
import { canonicalText } from './canonical.ts';
import { type RepositoryContext, removalBlockers } from './diff-context.ts';
import { lockedFinding, lockedUntil } from './locked.ts';
import { formatLsn } from './lsn.ts';
import type { BackupId } from './observed.ts';
import type { Blocker, PlannedAction } from './plan.ts';
import { type BackupDecision, planRetention } from './retention.ts';
import { segmentName } from './segment.ts';
import { timelineName } from './timeline.ts';
import { type PrunableWal, prunableWal } from './wal-needs.ts';

/** What retention asks for in one repository. */
export interface PrunePlan {
  readonly actions: readonly PlannedAction[];
  readonly decisions: readonly BackupDecision[];
  /** Backups that go when the plan is applied as it stands, blockers that a person can lift aside. */
  readonly going: ReadonlySet<BackupId>;
  readonly findings: readonly string[];
}

/**
 * Removes backups that no rule keeps, oldest first, and then the WAL that nothing needs any more. Of the backups one plan removes
 * `budget.percent`, rounded down, but always one: with less, nothing would ever go from a small repository. WAL that a backup
 * over the budget still needs stays with it. With `prune: never` nothing is planned, and a finding says what would go.
 */
export function planPrune(context: RepositoryContext): PrunePlan {
  const { repository, window, site, now } = context;
  const policy = site.policy.retention;
  const decisions = planRetention({ repository, window, policy, now });
  const unwanted = decisions.filter((decision) => !decision.keep);
  // backup.json is stored when the backup has ended, and nothing of a backup goes before it.
  const locks = unwanted
    .map(({ backup }) => lockedUntil(context, backup.stopTime))
    .filter((until) => until !== undefined);
  const leaving = unwanted
    .filter(({ backup }) => lockedUntil(context, backup.stopTime) === undefined)
    .sort((a, b) => a.backup.startTime - b.backup.startTime);
  const allowed = Math.max(1, Math.floor((repository.backups.length * policy.budget.percent) / 100));
  const going = new Set(leaving.slice(0, allowed).map(({ backup }) => backup.id));

  const guards = pruneGuards(context);
  const prunes = leaving.map((decision) => {
    const overBudget: Blocker = {
      code: 'budget',
      message: `one plan removes at most ${allowed} of ${repository.backups.length} backups (budget ${policy.budget.percent} %); the next one goes on`,
    };
    return pruneBackup(context, decision, going.has(decision.backup.id) ? guards : [...guards, overBudget]);
  });
  const keepers = decisions.filter((decision) => !going.has(decision.backup.id));
  const newest = decisions.find(({ reasons }) => reasons.some(({ code }) => code === 'newest-restorable'));
  const dependsOn = prunes.filter((_, index) => index < allowed).map((action) => action.id);
  // Without the identity the segment size is not known for certain, and with it not which bytes a segment holds.
  const prunable = repository.identity ? prunableWal(repository, window.wal, keepers, newest?.backup) : [];
  const stretches = prunable.flatMap((stretch) => unlockedPart(context, stretch));
  const locked = lockedFinding(
    context,
    `${locks.length} backup${locks.length === 1 ? '' : 's'}, which the store keeps`,
    locks,
  );
  const walPrunes = stretches.map((stretch) => pruneWal(context, stretch, dependsOn, guards));

  if (policy.prune !== 'never') return { actions: [...prunes, ...walPrunes], decisions, going, findings: locked };
  return { actions: [], decisions, going: new Set(), findings: whatStays(context, prunes.length, walPrunes.length) };
}

/** The oldest of its segments, up to the first that the store keeps locked. */
function unlockedPart(context: RepositoryContext, stretch: PrunableWal): readonly PrunableWal[] {
  const lock = stretch.segments.findIndex(({ storedAt }) => lockedUntil(context, storedAt) !== undefined);
  if (lock === -1) return [stretch];
  const segments = stretch.segments.slice(0, lock);
  const last = segments.at(-1);
  return last === undefined ? [] : [{ ...stretch, last: last.number, segments }];
}

function pruneGuards(context: RepositoryContext): readonly Blocker[] {
  const approval: Blocker = {
    code: 'needs-approval',
    message: 'retention.prune is confirm: somebody must approve what is removed',
  };
  return [...removalBlockers(context), ...(context.site.policy.retention.prune === 'confirm' ? [approval] : [])];
}

function pruneBackup(
  { site, name }: RepositoryContext,
  decision: BackupDecision,
  blockedBy: readonly Blocker[],
): PlannedAction {
  const { backup, reasons } = decision;
  return {
    id: `backup.prune:${site.name}:${name}:${backup.id}`,
    site: site.name,
    repository: name,
    target: backup.id,
    risk: 'destructive',
    reasonCode: 'retention',
    reason: reasons.map(({ text }) => text).join('; '),
    estimate: { bytes: backup.storedBytes, requests: 3 },
    dependsOn: [],
    blockedBy,
    inputs: canonicalText({
      backup: backup.id,
      timeline: backup.timeline,
      start: formatLsn(backup.startLsn),
      stop: formatLsn(backup.stopLsn),
      why: reasons[0]?.code,
    }),
    work: { kind: 'backup.prune', backup: backup.id },
  };
}

function pruneWal(
  { site, name, size }: RepositoryContext,
  { timeline, first, last, segments }: PrunableWal,
  dependsOn: readonly string[],
  blockedBy: readonly Blocker[],
): PlannedAction {
  const from = segmentName({ timeline, number: first }, size);
  const to = segmentName({ timeline, number: last }, size);
  const bytes = segments.reduce((sum, segment) => sum + segment.size, 0);
  return {
    id: `wal.prune:${site.name}:${name}:${from}-${to}`,
    site: site.name,
    repository: name,
    target: first === last ? from : `${from} to ${to}`,
    risk: 'destructive',
    reasonCode: 'before-oldest-needed',
    reason: `no backup that is kept, nor the window, needs ${segments.length === 1 ? 'this segment' : `these ${segments.length} segments`} of timeline ${timelineName(timeline)}`,
    estimate: { bytes: bytesOf(bytes), requests: Math.ceil(segments.length / 1000) + 1 },
    dependsOn,
    blockedBy,
    inputs: canonicalText({ timeline, first, last, segments: segments.map((s) => s.number) }),
    work: { kind: 'wal.prune', timeline, first, last },
  };
}

function whatStays({ name }: RepositoryContext, backups: number, stretches: number): readonly string[] {
  if (backups + stretches === 0) return [];
  const what = [
    ...(backups > 0 ? [`${backups} backup${backups === 1 ? '' : 's'}`] : []),
    ...(stretches > 0 ? [`${stretches} stretch${stretches === 1 ? '' : 'es'} of WAL`] : []),
  ];
  return [`in repository "${name}" no rule keeps ${what.join(' and ')}; retention.prune is never, so they stay`];
}
