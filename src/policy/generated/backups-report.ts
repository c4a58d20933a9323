// Generated from schema/backups.schema.json by scripts/generate-types.ts; do not edit.

/**
 * What `hoard backup list --output json` prints. Readers must ignore fields that they do not know.
 */
export interface BackupsReport {
  /**
   * major.minor; a new minor only adds fields.
   */
  formatVersion: string;
  /**
   * Newest first.
   */
  backups: BackupReport[];
}
export interface BackupReport {
  id: string;
  site: string;
  repository: string;
  method: 'local' | 'sql' | 'stream';
  /**
   * PostgreSQL's server_version_num.
   */
  version: number;
  systemIdentifier: string;
  timeline: number;
  /**
   * A WAL position as PostgreSQL prints it.
   */
  startLsn: string;
  /**
   * A WAL position as PostgreSQL prints it.
   */
  stopLsn: string;
  /**
   * ISO 8601, UTC.
   */
  startTime: string;
  /**
   * ISO 8601, UTC.
   */
  stopTime: string;
  /**
   * Plain bytes of the cluster.
   */
  bytes: number;
  /**
   * Bytes that this backup added to the repository.
   */
  storedBytes: number;
  /**
   * The backup holds the WAL that makes it consistent.
   */
  carriesWal: boolean;
  restorable: boolean;
  /**
   * Why it is not restorable.
   */
  reason: string | null;
  holds: {
    reason: string;
    until: string | null;
  }[];
  lastProof: ProofReport | null;
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
