// Generated from schema/keys.schema.json by scripts/generate-types.ts; do not edit.

/**
 * Of an OpenPGP key; recipients have that of the primary key and of the (sub)key that is encrypted to.
 */
export type Fingerprint = string;

/**
 * What `hoard keys list --output json` prints. Readers must ignore fields that they do not know.
 */
export interface KeysReport {
  /**
   * major.minor; a new minor only adds fields.
   */
  formatVersion: string;
  /**
   * In the declared order.
   */
  repositories: RepositoryKeysReport[];
  /**
   * Newest first.
   */
  backups: BackupKeysReport[];
  /**
   * The encrypted WAL files of each site and repository, one entry for each set of recipients.
   */
  wal: WalKeysReport[];
}
export interface RepositoryKeysReport {
  name: string;
  /**
   * Encryption is declared.
   */
  encrypted: boolean;
  /**
   * One for each key; a file may hold several. One without a fingerprint for what could not be read.
   */
  keys: DeclaredKeyReport[];
}
export interface DeclaredKeyReport {
  role: 'recipient' | 'signing' | 'trusted-signer' | 'private-key';
  /**
   * Where it comes from.
   */
  where: string;
  /**
   * Here and now, for what it is declared; of a private key: it is here and its passphrase opens it.
   */
  usable: boolean;
  /**
   * Why it, or another key of the same file, is not usable.
   */
  reason: string | null;
  fingerprint: Fingerprint | null;
  owner: string | null;
  /**
   * null: never, or it could not be read.
   */
  expires: string | null;
}
export interface BackupKeysReport {
  id: string;
  site: string;
  repository: string;
  /**
   * ISO 8601, UTC.
   */
  startTime: string;
  encrypted: boolean;
  /**
   * Each of them alone can open all of the backup; none where it is not encrypted.
   */
  recipients: RecipientReport[];
  signer: Fingerprint | null;
  /**
   * None of the recipients is declared now; null where a declared recipient could not be read, and it may be that one.
   */
  onlyRetired: boolean | null;
  /**
   * The private keys that are declared and here open it; null where there is none. true for what is not encrypted.
   */
  opensHere: boolean | null;
}
export interface RecipientReport {
  fingerprint: Fingerprint;
  encryptionKey: Fingerprint;
  /**
   * It is a recipient of the repository now.
   */
  declared: boolean;
}
export interface WalKeysReport {
  site: string;
  repository: string;
  files: number;
  /**
   * Of their names, in the order of names.
   */
  first: string;
  last: string;
  /**
   * Each of them alone can open all of these files; none where that could not be read.
   */
  recipients: WalRecipientReport[];
  /**
   * None of the recipients is declared now; null where the recipients are not known, or a declared one could not be read.
   */
  onlyRetired: boolean | null;
  /**
   * The private keys that are declared and here open them; null where there is none, or the recipients are not known.
   */
  opensHere: boolean | null;
}
export interface WalRecipientReport {
  /**
   * Of the (sub)key that is encrypted to.
   */
  keyId: string;
  /**
   * Of the primary key; null where neither a declared key nor a backup tells it.
   */
  fingerprint: Fingerprint | null;
  /**
   * It is a recipient of the repository now.
   */
  declared: boolean;
}
