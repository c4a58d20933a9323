import type { DesiredSite, RepositoryName } from './desired.ts';
import type { Instant } from './instant.ts';
import type { ObservedSite } from './observed.ts';
import type { PlannedAction } from './plan.ts';
import type { DetailedRecoveryWindow } from './recovery-window.ts';

export const CONDITION_TYPES = [
  'Ready',
  'Reconciling',
  'Stalled',
  'ConfigValid',
  'RepositoryReachable',
  'BackupFresh',
  'WalContinuous',
  'RetentionSatisfied',
  'RestoreVerified',
  'StandbyInSync',
] as const;
export type ConditionType = (typeof CONDITION_TYPES)[number];

/** Why a condition has its status; a closed list, so that alerts can name them. */
type ConditionReason =
  | 'AllGood'
  | 'NotReady'
  | 'NotObserved'
  | 'ActionsPending'
  | 'NothingToDo'
  | 'NeedsAPerson'
  | 'NothingBlocked'
  | 'Valid'
  | 'Invalid'
  | 'Listed'
  | 'ListingFailed'
  | 'Fresh'
  | 'OnRequest'
  | 'NoBackup'
  | 'Overdue'
  | 'Unrestorable'
  | 'Continuous'
  | 'NotArchived'
  | 'Gap'
  | 'Conflict'
  | 'ArchivingFailing'
  | 'ArchivingOff'
  | 'ArchivedElsewhere'
  | 'Satisfied'
  | 'WindowFilling'
  | 'BelowMinimum'
  | 'PrunePending'
  | 'UnreadableBackup'
  | 'NotRequired'
  | 'Proven'
  | 'NeverProven'
  | 'ProofTooOld'
  | 'NoneDeclared'
  | 'NotSupported';

export interface Condition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: ConditionReason;
  /** A sentence for people. */
  readonly message: string;
}

/** A site with what was found out about each repository that could be listed. */
export interface ConditionInput {
  readonly desired: DesiredSite;
  readonly observed: ObservedSite;
  /** The plan's actions for this site. */
  readonly actions: readonly PlannedAction[];
  readonly windows: ReadonlyMap<RepositoryName, DetailedRecoveryWindow>;
  /** Names of the restore targets that are declared for this site. */
  readonly restoreTargets?: readonly string[];
  readonly now: Instant;
}

/** The first that is False, else the first that is Unknown, else the first. */
export function worst(conditions: readonly Condition[]): Condition | undefined {
  return (
    conditions.find(({ status }) => status === 'False') ??
    conditions.find(({ status }) => status === 'Unknown') ??
    conditions[0]
  );
}
