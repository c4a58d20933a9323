import type { Failure } from './failure.ts';
import type { Instant } from './instant.ts';
import type { BackupId, KeyReference, ObservedRepository, StoredBackup, WalRecipients } from './observed.ts';

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
  /** Why other keys of the same file cannot be used, where that does not hinder those in `keys`. */
  readonly locked?: readonly Failure[];
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
  return {
    recipients,
    retired: isRetired(recipients, declared),
    opensHere: ours.size === 0 ? undefined : recipients.some(({ encryptionKey }) => ours.has(encryptionKey)),
  };
}

/** Who can open a set of WAL files. */
export interface WalKeyNeed {
  /** `fingerprint`: of the primary key, where it is known from what is declared or from a backup. */
  readonly recipients: readonly {
    readonly keyId: string;
    readonly fingerprint: string | undefined;
    readonly declared: boolean;
  }[];
  /** As for a backup; undefined also where the recipients are not known. */
  readonly retired: boolean | undefined;
  readonly opensHere: boolean | undefined;
}

export function walKeyNeedOf(
  { keyIds }: WalRecipients,
  backups: readonly StoredBackup[],
  declared: readonly DeclaredKeys[],
): WalKeyNeed {
  if (keyIds === undefined) return { recipients: [], retired: undefined, opensHere: undefined };
  const present = idsOf(partsOf(declared, 'recipient'));
  const ours = idsOf(partsOf(declared, 'private-key'));
  const owners = ownersOf(backups, declared);
  const recipients = keyIds.map((keyId) => ({ keyId, fingerprint: owners.get(keyId), declared: present.has(keyId) }));
  return {
    recipients,
    retired: isRetired(recipients, declared),
    opensHere: ours.size === 0 ? undefined : keyIds.some((id) => ours.has(id)),
  };
}

/** What only the same retired keys can open. */
export interface RetiredNeed {
  /** Fingerprints of the primary keys, or key ids where more is not known; any of them opens it all. */
  readonly keys: readonly string[];
  readonly backups: readonly BackupId[];
  readonly wal: Omit<WalRecipients, 'keyIds'> | undefined;
}

/** What only a retired key can open, by key; in the order of the backups, then of the WAL. */
export function retiredNeeds(
  { backups, walRecipients }: Pick<ObservedRepository, 'backups' | 'walRecipients'>,
  declared: readonly DeclaredKeys[],
): readonly RetiredNeed[] {
  const groups = new Map<string, { keys: readonly string[]; backups: BackupId[]; wal: RetiredNeed['wal'] }>();
  const groupOf = (names: readonly string[]) => {
    const keys = [...new Set(names)].sort();
    const group = groups.get(keys.join(' ')) ?? { keys, backups: [], wal: undefined };
    groups.set(keys.join(' '), group);
    return group;
  };
  for (const backup of backups) {
    const { recipients, retired } = keyNeedOf(backup, declared);
    if (retired === true) groupOf(recipients.map(({ fingerprint }) => fingerprint)).backups.push(backup.id);
  }
  for (const set of walRecipients) {
    const { recipients, retired } = walKeyNeedOf(set, backups, declared);
    if (retired !== true) continue;
    const group = groupOf(recipients.map(({ keyId, fingerprint }) => fingerprint ?? keyId));
    group.wal = together(group.wal, set);
  }
  return [...groups.values()];
}

function together(known: RetiredNeed['wal'], { files, first, last }: WalRecipients): RetiredNeed['wal'] {
  if (known === undefined) return { files, first, last };
  return {
    files: known.files + files,
    first: first < known.first ? first : known.first,
    last: last > known.last ? last : known.last,
  };
}

function isRetired(
  recipients: readonly { readonly declared: boolean }[],
  declared: readonly DeclaredKeys[],
): boolean | undefined {
  if (recipients.some((key) => key.declared)) return false;
  return declared.some(({ role, keys }) => role === 'recipient' && keys.length === 0) ? undefined : true;
}

/** The key id of GnuPG's long form. */
const idOf = (fingerprint: string): string => fingerprint.slice(-16);
const idsOf = (fingerprints: ReadonlySet<string>): ReadonlySet<string> => new Set([...fingerprints].map(idOf));

/** Key ids of (sub)keys, with the fingerprints of their primary keys. */
function ownersOf(backups: readonly StoredBackup[], declared: readonly DeclaredKeys[]): ReadonlyMap<string, string> {
  const recorded = backups.flatMap(({ encryption }) => encryption?.recipients ?? []);
  const read = declared.flatMap(({ keys }) => keys);
  return new Map([
    ...recorded.map(({ encryptionKey, fingerprint }) => [idOf(encryptionKey), fingerprint] as const),
    ...read.flatMap(({ parts, fingerprint }) => parts.map((part) => [idOf(part), fingerprint] as const)),
  ]);
}

function partsOf(declared: readonly DeclaredKeys[], role: KeyRole): ReadonlySet<string> {
  return new Set(
    declared.filter((each) => each.role === role).flatMap(({ keys }) => keys.flatMap(({ parts }) => parts)),
  );
}
