import type { Failure } from './failure.ts';
import type { Instant } from './instant.ts';
import type { BackupId, KeyReference, StoredBackup } from './observed.ts';

/** What a repository declares a key for. */
export type KeyRole = 'recipient' | 'signing' | 'trusted-signer' | 'private-key';

/** A key that was read. Fingerprints in lower-case hexadecimal. */
export interface KeyFacts {
  /** Of the primary key: what GnuPG lists a key by. */
  readonly fingerprint: string;
  readonly owner: string | undefined;
  /** Of the primary key and all subkeys; of a private key, those that can decrypt here. */
  readonly parts: readonly string[];
  /** When the key, or the part of it that does its work, ends. */
  readonly expires: Instant | undefined;
}

/** What one reference of a repository's encryption leads to: one key, or several in one file. */
export interface DeclaredKeys {
  readonly role: KeyRole;
  /** Where it comes from, for people; never what it holds. */
  readonly where: string;
  /** None where it could not be read. */
  readonly keys: readonly KeyFacts[];
  /** Why it cannot do what it is declared for. */
  readonly failure: Failure | undefined;
}

/** Who can open a backup, beside what is declared now. */
export interface BackupKeyNeed {
  readonly recipients: readonly (KeyReference & { readonly declared: boolean })[];
  /** None of its recipients is declared; undefined where a recipient could not be read, and it may be that one. */
  readonly retired: boolean | undefined;
  /** The private keys that are declared here open it; undefined where none could be read. What is not encrypted needs none. */
  readonly opensHere: boolean | undefined;
}

export function keyNeedOf({ encryption }: StoredBackup, declared: readonly DeclaredKeys[]): BackupKeyNeed {
  if (encryption === undefined) return { recipients: [], retired: false, opensHere: true };
  const present = partsOf(declared, 'recipient');
  const ours = partsOf(declared, 'private-key');
  const recipients = encryption.recipients.map((key) => ({ ...key, declared: present.has(key.encryptionKey) }));
  const isAnyDeclared = recipients.some((key) => key.declared);
  const isAnyUnread = declared.some(({ role, keys }) => role === 'recipient' && keys.length === 0);
  return {
    recipients,
    retired: isAnyDeclared ? false : isAnyUnread ? undefined : true,
    opensHere: ours.size === 0 ? undefined : recipients.some(({ encryptionKey }) => ours.has(encryptionKey)),
  };
}

/** Backups that only the same retired keys can open. */
export interface RetiredNeed {
  /** Of the primary keys; any of them opens the backups. */
  readonly fingerprints: readonly string[];
  readonly backups: readonly BackupId[];
}

/** What only a retired key can open, by key; in the order of the backups. */
export function retiredNeeds(
  backups: readonly StoredBackup[],
  declared: readonly DeclaredKeys[],
): readonly RetiredNeed[] {
  const groups = new Map<string, { fingerprints: readonly string[]; backups: BackupId[] }>();
  for (const backup of backups) {
    const { recipients, retired } = keyNeedOf(backup, declared);
    if (retired !== true) continue;
    const fingerprints = [...new Set(recipients.map(({ fingerprint }) => fingerprint))].sort();
    const key = fingerprints.join(' ');
    const group = groups.get(key) ?? { fingerprints, backups: [] };
    group.backups.push(backup.id);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function partsOf(declared: readonly DeclaredKeys[], role: KeyRole): ReadonlySet<string> {
  return new Set(
    declared.filter((each) => each.role === role).flatMap(({ keys }) => keys.flatMap(({ parts }) => parts)),
  );
}
