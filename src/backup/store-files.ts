import { ChunkWorkers } from '../codec/chunk-workers.ts';
import { Failure } from '../domain/failure.ts';
import type { Instant } from '../domain/instant.ts';
import { formatLsn } from '../domain/lsn.ts';
import {
  type BackupId,
  type ObservedCluster,
  type ObservedRepository,
  type PackReference,
  packName,
} from '../domain/observed.ts';
import { type BackupLabel, parseBackupLabel } from '../postgres/backup-label.ts';
import type { BaseBackup, BaseBackupEnd } from '../postgres/base-backup.ts';
import type { ChunkIndex } from '../repository/chunk-index.ts';
import { writeManifest } from '../repository/manifest.ts';
import type { ManifestCounts, ManifestEntry, StoredManifest } from '../repository/manifest-types.ts';
import type { PackWriter } from '../repository/pack-writer.ts';
import type { SiteRepository } from '../repository/site-repository.ts';
import { CHUNK_BYTES, ChunkSink } from './chunk-sink.ts';
import { recordEntries } from './record-entries.ts';

export interface FilesToStore {
  readonly repo: SiteRepository;
  readonly id: BackupId;
  readonly cluster: ObservedCluster;
  readonly startTime: Instant;
  readonly backup: BaseBackup;
  readonly observed: ObservedRepository;
  readonly index: ChunkIndex;
  readonly writer: PackWriter;
  readonly signal: AbortSignal;
  readonly onBytes: (count: number) => void;
}

export interface StoredFiles {
  readonly manifest: StoredManifest;
  readonly counts: ManifestCounts;
  /** Every pack that the manifest names, with its stored size. */
  readonly packs: readonly (PackReference & { readonly size: number })[];
  /** Bytes of the packs that this backup wrote. */
  readonly packBytes: number;
  readonly end: BaseBackupEnd;
  readonly stopTime: Instant;
}

/**
 * Stores the files of a base backup that is being sent, and its manifest, durably. Throws `backup.failed` where what the server sent does
 * not fit together.
 */
export async function storeFiles(work: FilesToStore): Promise<StoredFiles> {
  const { repo, id, cluster, backup, writer, signal } = work;
  await using workers = new ChunkWorkers({ compression: repo.compression });
  const sink = new ChunkSink({ workers, index: work.index, writer });
  const named = new NamedPacks();
  let label: BackupLabel | undefined;
  let end: { readonly position: BaseBackupEnd; readonly at: Instant } | undefined;
  const entries = recordEntries(backup.entries, sink, {
    onBytes: work.onBytes,
    onBackupLabel: (text) => {
      label = parseBackupLabel(text);
    },
  });
  const written = await writeManifest(
    repo,
    {
      header: {
        kind: 'header',
        backup: id,
        site: repo.site,
        systemIdentifier: cluster.systemIdentifier,
        version: cluster.version,
        method: 'stream',
        timeline: backup.timeline,
        startLsn: backup.startLsn,
        startTime: work.startTime,
        chunkBytes: CHUNK_BYTES,
        tablespaces: backup.tablespaces.map(({ oid, path }) => ({ oid, path })),
      },
      entries: named.watch(entries),
      end: async () => {
        end = { position: await backup.finish(), at: repo.clock.now() };
        return { stopLsn: end.position.stopLsn, stopTime: end.at, backupLabel: undefined, tablespaceMap: undefined };
      },
    },
    signal,
  );
  const closed = await writer.close();
  if (!end) throw new Failure('bug', { message: 'a manifest was written without its end' });
  requireFit(backup, end.position, label);
  const { key, size, sha256, inner, ...counts } = written;
  const packs = named.withSizes([...closed.packs, ...work.observed.packs]);
  return {
    manifest: { key, size, sha256, ...(inner && { inner }) },
    counts,
    packs,
    packBytes: closed.bytes,
    end: end.position,
    stopTime: end.at,
  };
}

function requireFit(backup: BaseBackup, end: BaseBackupEnd, label: BackupLabel | undefined): void {
  const failed = (message: string): Failure => new Failure('backup.failed', { message });
  if (!label) throw failed('the server sent no backup_label, without which the files cannot be restored');
  if (label.startLsn !== backup.startLsn || label.timeline !== backup.timeline) {
    throw failed(
      `backup_label starts at ${formatLsn(label.startLsn)} on timeline ${label.timeline}, but the server announced ${formatLsn(backup.startLsn)} on ${backup.timeline}`,
    );
  }
  if (end.timeline !== backup.timeline)
    throw failed(`the server changed from timeline ${backup.timeline} to ${end.timeline} during the backup`);
}

/** The packs that the entries name, its own ones and those of earlier backups. */
class NamedPacks {
  readonly #packs = new Map<string, PackReference>();

  async *watch(entries: AsyncIterable<ManifestEntry>): AsyncGenerator<ManifestEntry> {
    for await (const entry of entries) {
      if (entry.kind === 'file') for (const { pack } of entry.chunks) this.#packs.set(packName(pack), pack);
      yield entry;
    }
  }

  withSizes(
    listed: readonly (PackReference & { readonly size: number })[],
  ): readonly (PackReference & { readonly size: number })[] {
    const sizes = new Map(listed.map((pack) => [packName(pack), pack.size]));
    return [...this.#packs].map(([name, pack]) => {
      const size = sizes.get(name);
      if (size === undefined)
        throw new Failure('bug', { message: `the manifest names pack ${name}, which was neither listed nor written` });
      return { ...pack, size };
    });
  }
}
