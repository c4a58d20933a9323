import type { CodecName } from '../codec/codec.ts';
import type { SiteName } from '../domain/desired.ts';
import type { Instant } from '../domain/instant.ts';
import type { Lsn } from '../domain/lsn.ts';
import type { BackupId, PackReference, StoredBackup, SystemIdentifier } from '../domain/observed.ts';
import type { TimelineId } from '../domain/timeline.ts';

/**
 * What a manifest says, in its order: one header, the entries in the order in which the backup met them, one footer.
 * What is known only when the backup ends (stop position, backup label) stands in the footer, so that the manifest can be
 * written while the backup runs, in bounded memory.
 */
export type ManifestLine = ManifestHeader | ManifestEntry | ManifestFooter;

export interface ManifestHeader {
  readonly kind: 'header';
  readonly backup: BackupId;
  readonly site: SiteName;
  readonly systemIdentifier: SystemIdentifier;
  /** server_version_num. */
  readonly version: number;
  readonly method: StoredBackup['method'];
  readonly timeline: TimelineId;
  readonly startLsn: Lsn;
  readonly startTime: Instant;
  /** Size of every chunk but the last of a file. */
  readonly chunkBytes: number;
  /** `path` as the server said it. */
  readonly tablespaces: readonly ManifestTablespace[];
}

export interface ManifestTablespace {
  readonly oid: string;
  readonly path: string;
}

export type ManifestEntry = ManifestFile | ManifestDirectory | ManifestSymlink;

export interface ManifestFile {
  readonly kind: 'file';
  /** Relative to the data directory, with `/`; files of a tablespace as `pg_tblspc/<oid>/…`. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Epoch milliseconds. */
  readonly mtime: number;
  readonly size: number;
  /**
   * Of a file of one chunk, or none: its SHA-256. Of a longer file: the SHA-256 over its chunks' SHA-256 values, 32 bytes each, in file order,
   * so that ranges of a file can be hashed beside each other, or be taken over unread from an earlier backup.
   */
  readonly sha256: string;
  /** In file order, back to back; their sizes add up to `size`. */
  readonly chunks: readonly ManifestChunk[];
}

export interface ManifestChunk {
  /** Of the plain chunk. */
  readonly sha256: string;
  /** Plain bytes. */
  readonly size: number;
  readonly codec: CodecName;
  readonly pack: PackReference;
  /** Where the frame starts in the pack. */
  readonly offset: number;
  /** Bytes of the frame; of its packet, where the pack is encrypted. */
  readonly length: number;
  /** Bytes at the beginning of the pack that tell its key to the recipients; absent where the pack is not encrypted. */
  readonly keyBytes?: number;
}

interface ManifestDirectory {
  readonly kind: 'directory';
  readonly path: string;
  readonly mode: number;
  readonly mtime: number;
}

interface ManifestSymlink {
  readonly kind: 'symlink';
  readonly path: string;
  readonly target: string;
}

/** What the backup knows only at its end. */
export interface ManifestEnd {
  readonly stopLsn: Lsn;
  readonly stopTime: Instant;
  /** Text of backup_label; absent where it is among the files (method `stream`). */
  readonly backupLabel: string | undefined;
  /** Text of tablespace_map; absent where there is none or it is among the files. */
  readonly tablespaceMap: string | undefined;
}

export interface ManifestFooter extends ManifestEnd, ManifestCounts {
  readonly kind: 'footer';
}

export interface ManifestCounts {
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly chunks: number;
  /** Plain bytes of all files. */
  readonly bytes: number;
}

/** A manifest as it lies in the store. */
export interface StoredManifest {
  readonly key: string;
  /** Stored bytes. */
  readonly size: number;
  /** Of the stored bytes. */
  readonly sha256: string;
  /** Of an encrypted manifest, before it was encrypted: what the copy beside the writer is known by. */
  readonly inner?: { readonly size: number; readonly sha256: string };
}
