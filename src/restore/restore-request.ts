import type { RepositoryName } from '../domain/desired.ts';
import type { DesiredRecoveryTarget, TimelineChoice } from '../domain/desired-restore-target.ts';
import type { Instant } from '../domain/instant.ts';
import type { Lsn } from '../domain/lsn.ts';
import type { BackupId, Observation, ObservedRepository, StoredBackup } from '../domain/observed.ts';
import type { TimelineId } from '../domain/timeline.ts';

export type { TimelineChoice } from '../domain/desired-restore-target.ts';

/** Where recovery ends. A random moment has been chosen before it comes here. */
export type RecoveryTarget = Exclude<DesiredRecoveryTarget, { readonly kind: 'random' }>;

export interface RestoreRequest {
  readonly target: RecoveryTarget;
  /** `latest`: the newest timeline that the backup leads to; `current`: the backup's own. */
  readonly timeline: TimelineChoice;
  /** Absent: the best one is chosen. */
  readonly backup: BackupId | undefined;
}

/** One of the site's repositories, preferred first, as it was seen. */
export interface RestoreSource {
  readonly repository: RepositoryName;
  readonly observation: Observation<ObservedRepository>;
}

/** A restore whose way has been checked. */
export interface RestoreChoice {
  readonly target: RecoveryTarget;
  readonly backup: StoredBackup;
  /** The repository to read the backup from. */
  readonly repository: RepositoryName;
  /** Others that hold the same backup, preferred first: what is damaged in the first is read from them. */
  readonly alternatives: readonly RepositoryName[];
  /** What recovery_target_timeline has to be. */
  readonly timeline: TimelineId;
  /** The end of the stored WAL on the way: where `latest` gets, at most. The time is when that WAL was stored. */
  readonly reach: { readonly lsn: Lsn; readonly time: Instant };
  /** Sentences that whoever asked should read before the restore starts. */
  readonly notes: readonly string[];
}
