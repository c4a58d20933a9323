// Generated from schema/verify.schema.json by scripts/generate-types.ts; do not edit.

/**
 * What `hoard backup verify --output json` prints. Readers must ignore fields that they do not know.
 */
export interface VerifyReport {
  /**
   * major.minor; a new minor only adds fields.
   */
  formatVersion: string;
  backup: string;
  /**
   * Every repository that holds the backup has state whole.
   */
  ok: boolean;
  /**
   * Those that hold the backup, in the declared order.
   */
  repositories: VerifiedRepositoryReport[];
}
export interface VerifiedRepositoryReport {
  site: string;
  repository: string;
  /**
   * whole: of what was looked at, which `content` says. unverifiable: nothing says whether a part is whole. unreadable: the store did not give all of it.
   */
  state: 'whole' | 'damaged' | 'unverifiable' | 'unreadable';
  /**
   * null where it could not be read.
   */
  encrypted: boolean | null;
  /**
   * opened: every chunk has the SHA-256 that the manifest names. no-private-key: stored bytes only, none is declared here. not-asked: --stored. failed: findings say why.
   */
  content: 'opened' | 'no-private-key' | 'not-asked' | 'failed' | null;
  stored: VerifiedStoredReport;
  opened: VerifiedContentReport;
  wal: VerifiedWalReport;
  /**
   * The first hundred.
   */
  findings: VerifyFindingReport[];
  findingsLeftOut: number;
  notes: string[];
  /**
   * Why the store did not give all of it.
   */
  problem: string | null;
}
/**
 * Manifest and packs whose stored bytes have the SHA-256 that is kept of them.
 */
export interface VerifiedStoredReport {
  objects: number;
  bytes: number;
}
/**
 * What was opened; bytes are plain ones. A chunk that several files have counts for each.
 */
export interface VerifiedContentReport {
  files: number;
  chunks: number;
  bytes: number;
}
/**
 * WAL files that make the backup consistent (none where it carries its own), those of them that are there, those whose stored bytes or content were verified, and those whose content was opened.
 */
export interface VerifiedWalReport {
  needed: number;
  there: number;
  verified: number;
  opened: number;
}
export interface VerifyFindingReport {
  kind: 'damaged' | 'unverifiable';
  /**
   * Of the object, below the repository's prefix.
   */
  key: string;
  message: string;
  /**
   * Of docs/errors.md.
   */
  code: string;
}
