import { bytesOf } from '../domain/bytes.ts';
import { siteName } from '../domain/desired.ts';
import { formatInstant, parseInstant } from '../domain/instant.ts';
import { formatLsn, parseLsn } from '../domain/lsn.ts';
import type { BackupId, StoredBackup } from '../domain/observed.ts';
import { timelineId } from '../domain/timeline.ts';
import { recogniseWalFile } from '../domain/wal-file.ts';
import { parseBackupId } from './backup-id.ts';
import { openDocument, sealDocument } from './document.ts';
import type { Fields } from './fields.ts';
import { parseSystemIdentifier } from './identity.ts';
import { parseBackupEncryption } from './key-reference.ts';
import { backupPrefix, markerKey } from './layout.ts';
import type { ManifestTablespace, StoredManifest } from './manifest-types.ts';
import { formatRanges, type PackGroup, packsOf, parsePackGroups } from './pack-list.ts';
import type { SiteRepository } from './site-repository.ts';
import { readSmallObject } from './small-object.ts';

/** What backup.json says: everything that planning needs to know of a backup, readable without its manifest and without keys. */
export interface BackupMarker extends StoredBackup {
  readonly site: SiteRepository['site'];
  readonly manifest: StoredManifest;
  /** `packs` with the sum of their sizes. */
  readonly packGroups: readonly PackGroup[];
  /** Regular files in the manifest. */
  readonly files: number;
  readonly wal: {
    /** The files of the backup hold its own WAL in pg_wal. */
    readonly carried: boolean;
    /** Names of the segments that make the backup consistent. */
    readonly firstSegment: string;
    readonly lastSegment: string;
  };
  readonly tablespaces: readonly ManifestTablespace[];
  readonly labels: Readonly<Record<string, string>>;
  /** Version of the hoard that took the backup. */
  readonly toolVersion: string;
}

// A backup of 4 million packs has a marker of a few MiB at the very most, because ranges are written as ranges.
const MAX_MARKER_BYTES = 16 * 1024 * 1024;
const MAX_TABLESPACES = 65_536;
const MAX_LABELS = 1024;

/** A marker without the parts that follow from others. */
export type NewBackup = Omit<BackupMarker, 'packs' | 'carriesWal'>;

/** Completes a marker: `packs` and `carriesWal` follow from `packGroups` and `wal`. */
export function backupMarker(backup: NewBackup): BackupMarker {
  return { ...backup, packs: packsOf(backup.packGroups), carriesWal: backup.wal.carried };
}

export function formatMarker(marker: BackupMarker): Uint8Array {
  return sealDocument('backup', {
    id: marker.id,
    site: marker.site,
    systemIdentifier: marker.systemIdentifier,
    version: marker.version,
    method: marker.method,
    timeline: marker.timeline,
    startLsn: formatLsn(marker.startLsn),
    stopLsn: formatLsn(marker.stopLsn),
    startTime: formatInstant(marker.startTime),
    stopTime: formatInstant(marker.stopTime),
    wal: marker.wal,
    files: marker.files,
    bytes: marker.bytes,
    storedBytes: marker.storedBytes,
    tablespaces: marker.tablespaces,
    labels: marker.labels,
    ...(marker.encryption && { encryption: marker.encryption }),
    manifest: { ...marker.manifest, key: marker.manifest.key.slice(backupPrefix(marker.site, marker.id).length) },
    packs: marker.packGroups.map((group) => ({ ...group, numbers: formatRanges(group.numbers) })),
    toolVersion: marker.toolVersion,
  });
}

/**
 * Reads the marker that lies under backup `id` of `site`. Throws `object.corrupt` where a byte is not as written or the marker is
 * of another backup or site, `repository.foreign` where another major version wrote it.
 */
export function parseMarker(bytes: Uint8Array, site: SiteRepository['site'], id: BackupId): BackupMarker {
  const fields = openDocument('backup', bytes, `backup.json of ${id}`);
  if (fields.text('id') !== id || fields.text('site') !== site) {
    fields.refuse(`says that it is of backup ${fields.text('id')} of site "${fields.text('site')}"`);
  }
  const startLsn = fields.parsed('startLsn', parseLsn);
  const stopLsn = fields.parsed('stopLsn', parseLsn);
  if (stopLsn < startLsn) fields.refuse(`stops at ${formatLsn(stopLsn)}, before its start ${formatLsn(startLsn)}`);
  return backupMarker({
    id: fields.parsed('id', parseBackupId),
    site: fields.parsed('site', siteName),
    systemIdentifier: fields.parsed('systemIdentifier', parseSystemIdentifier),
    version: fields.integer('version'),
    method: fields.oneOf('method', ['local', 'sql', 'stream']),
    timeline: fields.counted('timeline', timelineId),
    startLsn,
    stopLsn,
    startTime: fields.parsed('startTime', parseInstant),
    stopTime: fields.parsed('stopTime', parseInstant),
    wal: parseWal(fields.object('wal')),
    files: fields.integer('files'),
    bytes: bytesOf(fields.integer('bytes')),
    storedBytes: bytesOf(fields.integer('storedBytes')),
    tablespaces: fields
      .objects('tablespaces', MAX_TABLESPACES)
      .map((each) => ({ oid: each.text('oid', 10), path: each.text('path', 4096) })),
    labels: fields.texts('labels', MAX_LABELS),
    ...(fields.has('encryption') && { encryption: parseBackupEncryption(fields.object('encryption')) }),
    manifest: parseManifestReference(fields.object('manifest'), site, id),
    packGroups: parsePackGroups(fields, 'packs'),
    toolVersion: fields.text('toolVersion', 64),
  });
}

function parseWal(fields: Fields): BackupMarker['wal'] {
  const segment = (name: 'firstSegment' | 'lastSegment'): string => {
    const text = fields.text(name);
    return recogniseWalFile(text)?.kind === 'segment'
      ? text
      : fields.refuse(`has a ${name} that is no WAL segment: "${text.slice(0, 40)}"`);
  };
  return {
    carried: fields.boolean('carried'),
    firstSegment: segment('firstSegment'),
    lastSegment: segment('lastSegment'),
  };
}

// Stored relative to the marker, so that a whole backup can be looked at wherever it was copied to.
function parseManifestReference(fields: Fields, site: SiteRepository['site'], id: BackupId): StoredManifest {
  const name = fields.text('key', 64);
  if (!/^manifest\.ndjson\.[a-z0-9.]+$/.test(name)) fields.refuse(`has the key "${name}"`);
  const measure = (of: Fields) => ({ size: of.integer('size', 1), sha256: of.sha256('sha256') });
  const inner = fields.has('inner') ? { inner: measure(fields.object('inner')) } : {};
  return { key: backupPrefix(site, id) + name, ...measure(fields), ...inner };
}

/** Reads one backup's marker. `store.not-found` where there is none. */
export async function readMarker(repo: SiteRepository, id: BackupId, signal: AbortSignal): Promise<BackupMarker> {
  const bytes = await readSmallObject(repo.store, markerKey(repo.site, id), MAX_MARKER_BYTES, signal);
  return parseMarker(bytes, repo.site, id);
}
