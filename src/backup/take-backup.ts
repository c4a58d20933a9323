import type { Encryptor } from '../codec/encryption.ts';
import { bytesOf, renderBytes } from '../domain/bytes.ts';
import type { DesiredSite } from '../domain/desired.ts';
import { Failure } from '../domain/failure.ts';
import type { Instant } from '../domain/instant.ts';
import type { BackupId, ObservedCluster, ObservedRepository } from '../domain/observed.ts';
import { segmentAt, segmentBefore, segmentName } from '../domain/segment.ts';
import type { TimelineId } from '../domain/timeline.ts';
import type { SecretResolver } from '../policy/secret-resolver.ts';
import { type BaseBackup, type BaseBackupEnd, startBaseBackup } from '../postgres/base-backup.ts';
import type { PostgresContext } from '../postgres/connect.ts';
import { openReplication, type ReplicationConnection } from '../postgres/replication.ts';
import { newBackupId } from '../repository/backup-id.ts';
import { type BackupMarker, backupMarker } from '../repository/backup-marker.ts';
import { commitBackup } from '../repository/commit-backup.ts';
import { claimIdentity } from '../repository/identity.ts';
import type { Lease } from '../repository/lease.ts';
import { type KnownChunks, loadChunkIndex } from '../repository/load-chunk-index.ts';
import { groupPacks } from '../repository/pack-list.ts';
import { createPackWriter } from '../repository/pack-writer.ts';
import type { SiteRepository } from '../repository/site-repository.ts';
import type { Effects } from '../telemetry/effects.ts';
import type { Reporter } from '../telemetry/reporter.ts';
import { chooseSource, diagnoseArchiving } from './choose-source.ts';
import { type StoredFiles, storeFiles } from './store-files.ts';
import { storeHistory } from './store-history.ts';
import { type NeededWal, waitForWal } from './wait-for-wal.ts';

export interface BackupRequest {
  readonly site: DesiredSite;
  readonly repo: SiteRepository;
  /** What the repository holds now: chunks of its newest readable backup are not stored again. */
  readonly observed: ObservedRepository;
  readonly lease: Lease;
  readonly effects: Effects;
  readonly secrets: SecretResolver;
  /** Written into the marker. */
  readonly toolVersion: string;
  /** How long the WAL of the backup may take to be archived, in milliseconds. Default 5 minutes. */
  readonly walPatience?: number;
  /** Spread the server's checkpoint instead of doing it at once. */
  readonly spreadCheckpoint?: boolean;
}

const WAL_PATIENCE = 5 * 60_000;

/**
 * Takes one backup into one repository, and makes it count when everything that a restore needs is stored: files, manifest, and the WAL up to
 * the stop position (carried among the files with wal.method none). Whatever fails before leaves packs that no backup names, which the next
 * pass removes; nothing is listed as a backup then. Not idempotent: every call makes another backup.
 */
export async function takeBackup(request: BackupRequest): Promise<BackupMarker> {
  const { site, repo, effects, lease, secrets } = request;
  const signal = AbortSignal.any([effects.signal, lease.signal]);
  const context: PostgresContext = { secrets, effects: { environment: effects.environment, signal } };
  const { connection, cluster } = await chooseSource(site, context);
  await claimIdentity(repo, cluster, signal);
  const id = newBackupId(effects.clock.now(), effects.random);
  const task = `backup:${site.name}:${repo.name}`;
  await using replication = await openReplication(connection, context);
  const timeline = await requireSameCluster(replication, cluster);
  const pageChecksums = await replication.hasPageChecksums();
  await storeHistory(repo, request.observed, replication, timeline, signal);
  const known = await loadChunkIndex(repo, request.observed, signal);
  if (known.unreadable !== undefined) reportNothingKnown(known.unreadable, site, effects.reporter);
  const writer = createPackWriter(repo, id, { signal });
  try {
    const startTime = effects.clock.now();
    let doneBytes = 0;
    const backup = await startBaseBackup(replication, {
      label: `hoard ${id}`,
      fast: request.spreadCheckpoint !== true,
      includeWal: site.policy.wal.method === 'none',
      verifyChecksums: site.policy.backup.checksums === 'verify',
    });
    effects.reporter.report({
      kind: 'started',
      task,
      title: `backing up ${site.name} to ${repo.name}`,
      totalBytes: backup.sizeEstimate,
    });
    const onBytes = (count: number): void => {
      doneBytes += count;
      effects.reporter.report({ kind: 'progress', task, doneBytes, totalBytes: backup.sizeEstimate });
    };
    const stored = await storeFiles({
      repo,
      id,
      cluster,
      startTime,
      backup,
      observed: request.observed,
      index: known.index,
      writer,
      signal,
      onBytes,
    });
    reportFindings(stored.end, site, effects.reporter);
    const marker = markerOf({
      request,
      id,
      cluster,
      pageChecksums,
      backup,
      startTime,
      stored,
      known,
      encryptor: await repo.encryptor?.(),
    });
    if (!marker.wal.carried) {
      const needed = neededWal(backup, stored.end, cluster);
      const diagnose = (): Promise<string> => diagnoseArchiving(site, context);
      await waitForWal(repo, needed, {
        reporter: effects.reporter,
        task,
        patience: request.walPatience ?? WAL_PATIENCE,
        diagnose,
        signal,
      });
    }
    await commitBackup(repo, marker, lease);
    const summary = `backup ${id}: ${renderBytes(marker.bytes)} in ${marker.files} files, ${renderBytes(marker.storedBytes)} stored`;
    effects.reporter.report({ kind: 'finished', task, summary });
    return marker;
  } catch (error) {
    await writer.abort(error);
    effects.reporter.report({ kind: 'failed', task, message: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

/** The SQL connection and the replication connection may have gone to different servers (a proxy, a list of hosts). */
async function requireSameCluster(replication: ReplicationConnection, cluster: ObservedCluster): Promise<TimelineId> {
  const { systemIdentifier, timeline } = await replication.identifySystem();
  if (systemIdentifier === cluster.systemIdentifier) return timeline;
  throw new Failure('site.foreign-cluster', {
    message: `${replication.where} answered as the cluster ${cluster.systemIdentifier} and then as ${systemIdentifier}`,
    hint: 'each connection of a site must lead to one server',
  });
}

function reportNothingKnown(unreadable: BackupId, site: DesiredSite, reporter: Reporter): void {
  const message = `everything of ${site.name} is stored anew: the manifest of backup ${unreadable} is encrypted, no private key that opens it is at hand here, and the copy that its writer kept is not here either`;
  reporter.report({ kind: 'note', level: 'warning', message });
}

function reportFindings({ warnings, checksumFailures }: BaseBackupEnd, site: DesiredSite, reporter: Reporter): void {
  for (const warning of warnings)
    reporter.report({ kind: 'note', level: 'warning', message: `PostgreSQL of ${site.name} warns: ${warning}` });
  if (!checksumFailures) return;
  const message = `pages of ${site.name} are damaged (their checksums are wrong); the backup contains them as they are`;
  reporter.report({ kind: 'note', level: 'warning', message });
}

function neededWal(backup: BaseBackup, end: BaseBackupEnd, { segmentSize }: ObservedCluster): NeededWal {
  return {
    timeline: backup.timeline,
    first: segmentAt(backup.startLsn, segmentSize),
    last: segmentBefore(end.stopLsn, segmentSize),
    segmentSize,
  };
}

// Far more than a person reads; a server with a dying disk warns of thousands of pages.
const MAX_WARNINGS = 2000;

function markerOf(parts: {
  readonly request: BackupRequest;
  readonly id: BackupId;
  readonly cluster: ObservedCluster;
  readonly pageChecksums: boolean;
  readonly backup: BaseBackup;
  readonly startTime: Instant;
  readonly stored: StoredFiles;
  readonly known: KnownChunks;
  readonly encryptor: Encryptor | undefined;
}): BackupMarker {
  const { request, id, cluster, pageChecksums, backup, startTime, stored, known, encryptor } = parts;
  const { site } = request;
  const { timeline, startLsn } = backup;
  const wal = neededWal(backup, stored.end, cluster);
  const { manifest, packs, packBytes, counts } = stored;
  return backupMarker({
    id,
    site: site.name,
    systemIdentifier: cluster.systemIdentifier,
    version: cluster.version,
    method: 'stream',
    timeline,
    startLsn,
    stopLsn: stored.end.stopLsn,
    startTime,
    stopTime: stored.stopTime,
    bytes: bytesOf(counts.bytes),
    storedBytes: bytesOf(packBytes + manifest.size),
    manifest,
    packGroups: groupPacks(packs, (writer) =>
      writer === id ? encryptor?.recipients.map(({ encryptionKey }) => encryptionKey) : known.encryptedTo(writer),
    ),
    ...encryptionOf(encryptor),
    files: counts.files,
    wal: {
      carried: site.policy.wal.method === 'none',
      firstSegment: segmentName({ timeline, number: wal.first }, cluster.segmentSize),
      lastSegment: segmentName({ timeline, number: wal.last }, cluster.segmentSize),
    },
    tablespaces: backup.tablespaces.map(({ oid, path }) => ({ oid, path })),
    labels: {
      'page-checksums': checksumFinding(site, pageChecksums, stored.end),
      ...(stored.end.warnings.length > 0 && {
        'server-warnings': stored.end.warnings.join('; ').slice(0, MAX_WARNINGS),
      }),
    },
    toolVersion: request.toolVersion,
  });
}

function encryptionOf(encryptor: Encryptor | undefined): Pick<BackupMarker, 'encryption'> {
  if (encryptor === undefined) return {};
  const { recipients, signer } = encryptor;
  return { encryption: { recipients, ...(signer !== undefined && { signer }) } };
}

/** What the backup found out about the checksums of pages: `verified` only where there are some and the server looked at them. */
function checksumFinding(
  site: DesiredSite,
  pageChecksums: boolean,
  end: BaseBackupEnd,
): 'none' | 'ignored' | 'failed' | 'verified' {
  if (!pageChecksums) return 'none';
  if (site.policy.backup.checksums === 'ignore') return 'ignored';
  return end.checksumFailures ? 'failed' : 'verified';
}
