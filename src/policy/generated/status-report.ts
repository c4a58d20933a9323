// Generated from schema/status.schema.json by scripts/generate-types.ts; do not edit.

/**
 * What `hoard status --output json` prints. Readers must ignore fields that they do not know.
 */
export interface StatusReport {
  /**
   * major.minor; a new minor only adds fields.
   */
  formatVersion: string;
  /**
   * ISO 8601, UTC.
   */
  at: string;
  sites: SiteStatusReport[];
}
export interface SiteStatusReport {
  name: string;
  mode: 'enforce' | 'detect' | 'suspended';
  conditions: ConditionReport[];
  repositories: RepositoryStatusReport[];
  /**
   * What would be lost if the cluster were gone now: 0 where everything up to its position is proven to be stored, else the age of the last restorable WAL by the time it was stored (more is lost where archiving had a backlog then); null where nothing can be restored or that is unknown.
   */
  rpoSeconds: number | null;
  lastProof: ProofReport | null;
  /**
   * Differences between what is declared and what is there.
   */
  drift: DriftReport[];
  /**
   * What is worth knowing beyond what was observed: what is declared without effect in this version, backups that only a retired key can open (with its fingerprint), sites that no policy declares.
   */
  notes: string[];
}
export interface ConditionReport {
  /**
   * Ready, Reconciling, Stalled, ConfigValid, RepositoryReachable, BackupFresh, WalContinuous, RetentionSatisfied, RestoreVerified, StandbyInSync; readers must accept others.
   */
  type: string;
  status: 'True' | 'False' | 'Unknown';
  /**
   * A stable code.
   */
  reason: string;
  message: string;
}
export interface RepositoryStatusReport {
  name: string;
  /**
   * unknown: it could not be read; then nothing else here is to be trusted.
   */
  state: 'known' | 'unknown';
  /**
   * Why the state is unknown.
   */
  reason?: string | null;
  /**
   * How many restorable backups there are; null where that is unknown.
   */
  backups: number | null;
  recoveryWindow: RecoveryIntervalReport[];
  gaps: GapReport[];
}
/**
 * Every position from fromLsn to toLsn on this timeline can be restored.
 */
export interface RecoveryIntervalReport {
  timeline: number;
  /**
   * A WAL position as PostgreSQL prints it.
   */
  fromLsn: string;
  /**
   * A WAL position as PostgreSQL prints it.
   */
  toLsn: string;
  /**
   * ISO 8601, UTC.
   */
  fromTime: string;
  /**
   * ISO 8601, UTC.
   */
  toTime: string;
}
/**
 * WAL that the recovery window needs and that is missing; both named segments are missing.
 */
export interface GapReport {
  timeline: number;
  firstSegment: string;
  lastSegment: string;
  count: number;
  /**
   * The oldest backup whose way forward is cut here.
   */
  backup: string;
}
/**
 * A restore that was done and checked.
 */
export interface ProofReport {
  /**
   * ISO 8601, UTC.
   */
  at: string;
  repository: string;
  backup: string;
  durationSeconds: number;
  /**
   * A WAL position as PostgreSQL prints it.
   */
  reachedLsn: string;
}
export interface DriftReport {
  /**
   * The kind of the action that would close it.
   */
  kind: string;
  repository: string;
  reasonCode: string;
  reason: string;
}
