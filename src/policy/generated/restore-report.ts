// Generated from schema/restore.schema.json by scripts/generate-types.ts; do not edit.

/**
 * What `hoard restore --output json` prints. Readers must ignore fields that they do not know.
 */
export interface RestoreReport {
  /**
   * major.minor; a new minor only adds fields.
   */
  formatVersion: string;
  site: string;
  /**
   * The way was checked and nothing was written.
   */
  dryRun: boolean;
  /**
   * The backup that was chosen.
   */
  backup: string;
  /**
   * Where the backup is read.
   */
  repository: string;
  /**
   * Repositories from which is read what is damaged in the first.
   */
  alternatives: string[];
  /**
   * Where recovery ends, in words.
   */
  target: string;
  /**
   * The timeline that recovery follows.
   */
  timeline: number;
  /**
   * What PostgreSQL does when the target is reached.
   */
  action: 'promote' | 'pause' | 'shutdown';
  standby: boolean;
  /**
   * Where the stored WAL on the way ends.
   */
  reach: {
    /**
     * A WAL position as PostgreSQL prints it.
     */
    lsn: string;
    /**
     * ISO 8601, UTC.
     */
    time: string;
  };
  /**
   * What should be known although nothing forbids the restore.
   */
  notes: string[];
  dataDirectory: string;
  /**
   * What was written; null in a dry run.
   */
  restored: {
    files: number;
    bytes: number;
    /**
     * Files that an interrupted restore had completed.
     */
    kept: number;
    resumed: boolean;
    durationSeconds: number;
    tablespaces: {
      oid: string;
      directory: string;
    }[];
  } | null;
}
