// Generated from schema/new-key.schema.json by scripts/generate-types.ts; do not edit.

/**
 * What `hoard keys create --output json` prints. Readers must ignore fields that they do not know.
 */
export interface NewKeyReport {
  /**
   * major.minor; a new minor only adds fields.
   */
  formatVersion: string;
  /**
   * The name that GnuPG shows.
   */
  owner: string;
  /**
   * Of the primary key.
   */
  fingerprint: string;
  /**
   * curve25519, rsa3072 or rsa4096.
   */
  algorithm: string;
  /**
   * null: never.
   */
  expires: string | null;
  /**
   * A passphrase protects the private key.
   */
  protected: boolean;
  /**
   * Absolute path: to be declared as a recipient.
   */
  publicKeyFile: string;
  /**
   * Absolute path: to be kept away from the backups.
   */
  privateKeyFile: string;
}
