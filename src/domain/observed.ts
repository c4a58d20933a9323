import type { Bytes } from './bytes.ts';
import type { RepositoryName, SiteName } from './desired.ts';
import type { Duration } from './duration.ts';
import type { Instant } from './instant.ts';
import type { Lsn } from './lsn.ts';
import type { SegmentNumber, SegmentSize } from './segment.ts';
import type { TimelineHistory, TimelineId } from './timeline.ts';

/**
 * Something that was looked at. `unknown` means that looking failed: it is never `absent`, and nothing destructive may rest on it.
 */
export type Observation<T> =
  | { readonly kind: 'known'; readonly value: T; readonly at: Instant }
  | { readonly kind: 'unknown'; readonly reason: string; readonly at: Instant };

/** A PostgreSQL system identifier: an unsigned 64-bit number in decimal, kept as text. */
export type SystemIdentifier = string & { readonly __systemIdentifier: unique symbol };
export type BackupId = string & { readonly __backupId: unique symbol };

export const systemIdentifier = (text: string): SystemIdentifier => text as SystemIdentifier;
export const backupId = (text: string): BackupId => text as BackupId;

export interface ObservedSite {
  readonly site: SiteName;
  readonly cluster: Observation<ObservedCluster>;
  readonly repositories: ReadonlyMap<RepositoryName, Observation<ObservedRepository>>;
  /** What lies in the data directory on this host; absent where hoard does not run beside the server. */
  readonly host: Observation<ObservedHost> | undefined;
}

/** What the cluster's primary (or, where none answers, a standby) says. */
export interface ObservedCluster {
  readonly role: 'primary' | 'standby';
  /** server_version_num, for example 180004. */
  readonly version: number;
  readonly systemIdentifier: SystemIdentifier;
  readonly timeline: TimelineId;
  readonly segmentSize: SegmentSize;
  readonly currentLsn: Lsn;
  /** pg_database_size over all databases: the estimate for a full backup. */
  readonly dataBytes: Bytes;
  readonly archiving: {
    readonly mode: 'off' | 'on' | 'always';
    /** Whether archive_command or archive_library is set to anything. */
    readonly configured: boolean;
    readonly lastArchived: string | undefined;
    readonly lastFailed: string | undefined;
    readonly failedCount: number;
    /** The last attempt failed (last_failed_time is newer than last_archived_time). */
    readonly failing: boolean;
  };
}

export interface ObservedHost {
  /** Names of WAL files with a `.ready` file in pg_wal/archive_status, oldest first. */
  readonly ready: readonly string[];
}

/** What one repository holds for one site, from one complete listing. */
export interface ObservedRepository {
  /** Absent where nothing was ever written for the site. */
  readonly identity: { readonly systemIdentifier: SystemIdentifier; readonly segmentSize: SegmentSize } | undefined;
  /** Committed backups (those with a readable backup.json), oldest start first. */
  readonly backups: readonly StoredBackup[];
  /** Ids whose backup.json exists but could not be read: they may need anything, so nothing is pruned while one is there. */
  readonly unreadableBackups: readonly { readonly id: BackupId; readonly reason: string }[];
  /** WAL by timeline. */
  readonly wal: ReadonlyMap<TimelineId, readonly StoredSegment[]>;
  readonly histories: ReadonlyMap<TimelineId, TimelineHistory>;
  /** Names of the stored `.partial` and `.backup` files. */
  readonly otherWalFiles: ReadonlySet<string>;
  /** Who can open the WAL that is encrypted, one entry for each set of keys, in the order of the first files. */
  readonly walRecipients: readonly WalRecipients[];
  readonly packs: readonly StoredPack[];
  /** Objects younger than this are locked by the store and cannot be removed (storage.objectLock). */
  readonly lockedFor?: Duration;
  /** The store's listings may be late: what was written or removed a while ago may be missing from this, or still in it. */
  readonly lateListing?: boolean;
  /** Objects that belong to no committed backup (manifests without backup.json, temporary files): key and size. */
  readonly strays: readonly StoredObject[];
  readonly holds: readonly StoredHold[];
  readonly proofs: readonly StoredProof[];
}

/** What backup.json says. */
export interface StoredBackup {
  readonly id: BackupId;
  readonly systemIdentifier: SystemIdentifier;
  /** server_version_num. */
  readonly version: number;
  readonly method: 'local' | 'sql' | 'stream';
  readonly timeline: TimelineId;
  readonly startLsn: Lsn;
  readonly stopLsn: Lsn;
  readonly startTime: Instant;
  readonly stopTime: Instant;
  /** The backup carries the WAL that makes it consistent (wal.method none). */
  readonly carriesWal: boolean;
  /** Plain bytes of the cluster. */
  readonly bytes: Bytes;
  /** Bytes that this backup added to the repository. */
  readonly storedBytes: Bytes;
  /** Packs that the manifest names, its own and those of earlier backups. */
  readonly packs: readonly PackReference[];
  /** Who can open it, each alone; absent where it is not encrypted. */
  readonly encryption?: BackupEncryption;
}

export interface BackupEncryption {
  readonly recipients: readonly KeyReference[];
  /** Fingerprint of the key that signed its manifest. */
  readonly signer?: string;
}

/** An OpenPGP key by its fingerprints, in lower-case hexadecimal. */
export interface KeyReference {
  /** Of the primary key: what GnuPG lists a key by. */
  readonly fingerprint: string;
  /** Of the (sub)key that is encrypted to. */
  readonly encryptionKey: string;
}

export interface PackReference {
  readonly backup: BackupId;
  readonly number: number;
  /** Its chunks are encrypted, and its name says so. Absent: they are not. */
  readonly encrypted?: boolean;
}

/** One text for each pack, for sets, maps and messages. */
export const packName = ({ backup, number }: PackReference): string => `${backup}/${number}`;

export interface StoredPack extends PackReference {
  readonly size: Bytes;
  readonly storedAt: Instant;
}

export interface StoredSegment {
  readonly number: SegmentNumber;
  readonly size: Bytes;
  readonly storedAt: Instant;
  /** Hash of the plain content; more than one object with different hashes is a conflict and counts as missing. */
  readonly hash: string;
  readonly conflict: boolean;
}

/** The WAL files (segments, `.partial`, `.backup`) that are encrypted to the same keys. */
export interface WalRecipients {
  /** The last 16 hexadecimal digits of the fingerprints of the (sub)keys, in lower case; undefined where they could not be read. */
  readonly keyIds: readonly string[] | undefined;
  readonly files: number;
  /** The first and the last of their names, in the order of names. */
  readonly first: string;
  readonly last: string;
}

export interface StoredObject {
  readonly key: string;
  readonly size: Bytes;
  readonly storedAt: Instant;
}

export interface StoredHold {
  readonly backup: BackupId;
  readonly reason: string;
  /** Absent: until released. */
  readonly until: Instant | undefined;
}

/** A restore of a backup that was done and checked. */
export interface StoredProof {
  readonly backup: BackupId;
  readonly at: Instant;
  readonly durationMilliseconds: number;
  readonly reachedLsn: Lsn;
}
