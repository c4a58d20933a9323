// Generated from schema/check.schema.json by scripts/generate-types.ts; do not edit.

/**
 * What `hoard check --output json` prints. Readers must ignore fields that they do not know.
 */
export interface CheckReport {
  /**
   * major.minor; a new minor only adds fields.
   */
  formatVersion: string;
  /**
   * Nothing failed; there may be warnings.
   */
  ok: boolean;
  /**
   * Repositories, then connections, in the declared order.
   */
  checked: CheckedReport[];
}
export interface CheckedReport {
  kind: 'repository' | 'connection';
  /**
   * Of the repository, or of the site whose connection it is.
   */
  name: string;
  /**
   * Type and place, or host and port.
   */
  where: string;
  steps: CheckStepReport[];
}
export interface CheckStepReport {
  /**
   * Stable: open, format, write, create, read, range, clock, list, uploads, delete; recipient, signing-key, trusted-signer, private-key, key-expiry; connect, privileges, wal-level, wal-senders, archive-mode, archive-command, replication.
   */
  name: string;
  state: 'ok' | 'warning' | 'failed';
  message: string;
  /**
   * What to do, with the exact setting where there is one.
   */
  hint: string | null;
  /**
   * Of docs/errors.md, where it failed.
   */
  code: string | null;
}
