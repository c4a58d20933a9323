// Generated from schema/wal.schema.json by scripts/generate-types.ts; do not edit.

/**
 * What `hoard wal list --output json` prints. Readers must ignore fields that they do not know.
 */
export interface WalReport {
  /**
   * major.minor; a new minor only adds fields.
   */
  formatVersion: string;
  repositories: WalRepositoryReport[];
}
export interface WalRepositoryReport {
  site: string;
  repository: string;
  /**
   * unknown: it could not be read; then nothing else here is to be trusted.
   */
  state: 'known' | 'unknown';
  /**
   * Why the state is unknown.
   */
  reason: string | null;
  /**
   * Consecutive segments, by timeline and position.
   */
  ranges: WalRangeReport[];
  /**
   * Segments that are missing between two ranges of a timeline.
   */
  gaps: MissingWalReport[];
  /**
   * Segments of which two contents are stored; they count as missing.
   */
  conflicts: string[];
  /**
   * Timelines whose history file is stored.
   */
  histories: number[];
  /**
   * Stored .partial and .backup files.
   */
  otherFiles: string[];
}
export interface WalRangeReport {
  timeline: number;
  firstSegment: string;
  lastSegment: string;
  count: number;
  /**
   * A WAL position as PostgreSQL prints it.
   */
  fromLsn: string;
  /**
   * The first position after the range.
   */
  toLsn: string;
  /**
   * As stored.
   */
  bytes: number;
  /**
   * When the last of them was stored.
   */
  storedAt: string;
}
export interface MissingWalReport {
  timeline: number;
  firstSegment: string;
  lastSegment: string;
  count: number;
}
