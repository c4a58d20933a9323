import { createHash } from 'node:crypto';
import { encryptContent } from '../../src/codec/openpgp/protected-data.ts';
import { bytesOf } from '../../src/domain/bytes.ts';
import { durationOf } from '../../src/domain/duration.ts';
import { instant } from '../../src/domain/instant.ts';
import { lsn } from '../../src/domain/lsn.ts';
import { type BackupId, systemIdentifier } from '../../src/domain/observed.ts';
import { DEFAULT_SEGMENT_SIZE, segmentAt, segmentBefore, segmentName } from '../../src/domain/segment.ts';
import { timelineId } from '../../src/domain/timeline.ts';
import { newBackupId } from '../../src/repository/backup-id.ts';
import { type BackupMarker, backupMarker } from '../../src/repository/backup-marker.ts';
import { type ChunkIndex, createChunkIndex } from '../../src/repository/chunk-index.ts';
import { commitBackup } from '../../src/repository/commit-backup.ts';
import { fileHash } from '../../src/repository/file-hash.ts';
import { claimIdentity } from '../../src/repository/identity.ts';
import { packKey } from '../../src/repository/layout.ts';
import { acquireLease, type Lease } from '../../src/repository/lease.ts';
import { observeOwner } from '../../src/repository/lease-owner.ts';
import { writeManifest } from '../../src/repository/manifest.ts';
import type { ManifestChunk, ManifestEntry, ManifestTablespace } from '../../src/repository/manifest-types.ts';
import { groupPacks } from '../../src/repository/pack-list.ts';
import { createPackWriter } from '../../src/repository/pack-writer.ts';
import type { SiteRepository } from '../../src/repository/site-repository.ts';
import { createRecorder } from './recorder.ts';
import { calm } from './temporary-repository.ts';

export const TEST_SYSTEM = systemIdentifier('7412345678901234567');
export const TEST_IDENTITY = { systemIdentifier: TEST_SYSTEM, segmentSize: DEFAULT_SEGMENT_SIZE };

export interface SmallBackup {
  /** Plain contents by path. */
  readonly files: ReadonlyMap<string, Buffer>;
  readonly directories?: readonly string[];
  readonly symlinks?: ReadonlyMap<string, string>;
  /** Sizes of the chunks of a file of this many bytes, summing up to it. Default: chunks of 1 MiB. */
  readonly chunksOf?: (size: number) => readonly number[];
  readonly packBytes?: number;
  readonly startTime?: number;
  readonly startLsn?: bigint;
  readonly stopLsn?: bigint;
  readonly timeline?: number;
  readonly tablespaces?: readonly ManifestTablespace[];
  /** What is stored already, with the sizes of its packs; grows by this backup's chunks. */
  readonly index?: ChunkIndex;
  readonly earlier?: readonly BackupMarker[];
}

/** Chunks of 1 MiB. */
function megabyteChunks(size: number): readonly number[] {
  const whole = Math.floor(size / 2 ** 20);
  const rest = size % 2 ** 20;
  return [...Array.from({ length: whole }, () => 2 ** 20), ...(rest > 0 ? [rest] : [])];
}

/** Stores everything of a small backup but its marker, through the product's own writers. */
export async function storeSmallBackup(repo: SiteRepository, backup: SmallBackup): Promise<BackupMarker> {
  await claimIdentity(repo, TEST_IDENTITY, calm());
  const startTime = instant(backup.startTime ?? repo.clock.now());
  const id = newBackupId(startTime, repo.random);
  const index = backup.index ?? createChunkIndex();
  const writer = createPackWriter(repo, id, {
    signal: calm(),
    ...(backup.packBytes ? { targetBytes: backup.packBytes } : {}),
  });
  const used = new Set<string>();
  const place = async (plain: Buffer): Promise<ManifestChunk> => {
    const hash = createHash('sha256').update(plain).digest();
    let found = index.find(hash, plain.length);
    if (!found) {
      const space = await writer.reserve(plain.length);
      const frame = await repo.codec.encode(plain);
      const stored = space.sessionKey ? encryptContent(space.sessionKey, frame) : frame;
      found = { ...(await writer.append(space, stored)), size: plain.length, codec: repo.codec.name };
      index.add(hash, found);
    }
    used.add(`${found.pack.backup}/${found.pack.number}`);
    return { sha256: hash.toString('hex'), ...found };
  };
  async function* entries(): AsyncGenerator<ManifestEntry> {
    for (const path of backup.directories ?? []) yield { kind: 'directory', path, mode: 0o700, mtime: 1000 };
    for (const [path, plain] of backup.files) {
      const chunks: ManifestChunk[] = [];
      let at = 0;
      for (const size of (backup.chunksOf ?? megabyteChunks)(plain.length)) {
        chunks.push(await place(plain.subarray(at, at + size)));
        at += size;
      }
      yield { kind: 'file', path, mode: 0o600, mtime: 2000, size: plain.length, sha256: fileHash(chunks), chunks };
    }
    for (const [path, target] of backup.symlinks ?? []) yield { kind: 'symlink', path, target };
  }
  const startLsn = lsn(backup.startLsn ?? 0x2000028n);
  const stopLsn = lsn(backup.stopLsn ?? startLsn + 0x100n);
  const timeline = timelineId(backup.timeline ?? 1);
  const manifest = await writeManifest(
    repo,
    {
      header: {
        kind: 'header',
        backup: id,
        site: repo.site,
        systemIdentifier: TEST_SYSTEM,
        version: 150_018,
        method: 'stream',
        timeline,
        startLsn,
        startTime,
        chunkBytes: 2 ** 20,
        tablespaces: backup.tablespaces ?? [],
      },
      entries: entries(),
      end: () => ({ stopLsn, stopTime: startTime, backupLabel: undefined, tablespaceMap: undefined }),
    },
    calm(),
  );
  const { packs, bytes } = await writer.close();
  const { key, size, sha256: hash, inner, files } = manifest;
  const encryptor = await repo.encryptor?.();
  const recipients = encryptor?.recipients.map(({ encryptionKey }) => encryptionKey);
  const earlier = await sizesOfEarlier(repo, backup.earlier ?? []);
  const groups = groupPacks(
    [...packs, ...earlier].filter((pack) => used.has(`${pack.backup}/${pack.number}`)),
    (writer) =>
      writer === id
        ? recipients
        : backup.earlier?.flatMap(({ packGroups }) => packGroups).find((group) => group.backup === writer)?.encryptedTo,
  );
  return backupMarker({
    id,
    site: repo.site,
    systemIdentifier: TEST_SYSTEM,
    version: 150_018,
    method: 'stream',
    timeline,
    startLsn,
    stopLsn,
    startTime,
    stopTime: startTime,
    wal: {
      carried: false,
      firstSegment: segmentName({ timeline, number: segmentAt(startLsn, DEFAULT_SEGMENT_SIZE) }, DEFAULT_SEGMENT_SIZE),
      lastSegment: segmentName(
        { timeline, number: segmentBefore(stopLsn, DEFAULT_SEGMENT_SIZE) },
        DEFAULT_SEGMENT_SIZE,
      ),
    },
    files,
    bytes: bytesOf(manifest.bytes),
    storedBytes: bytesOf(bytes + size),
    tablespaces: backup.tablespaces ?? [],
    labels: { team: 'payments' },
    manifest: { key, size, sha256: hash, ...(inner && { inner }) },
    ...(encryptor && { encryption: { recipients: encryptor.recipients } }),
    packGroups: groups,
    toolVersion: '0.1.0',
  });
}

async function sizesOfEarlier(
  repo: SiteRepository,
  earlier: readonly BackupMarker[],
): Promise<readonly { backup: BackupId; number: number; size: number }[]> {
  const sizes = [];
  for (const pack of earlier.flatMap((marker) => marker.packs)) {
    const info = await repo.store.head(packKey(repo.site, pack), { signal: calm() });
    sizes.push({ ...pack, size: info?.size ?? 0 });
  }
  return sizes;
}

/** A lease for tests in this process. */
export async function takeLease(repo: SiteRepository, ttlMilliseconds = 30_000): Promise<Lease> {
  return acquireLease(repo, {
    owner: await observeOwner(process.pid),
    ttl: durationOf(ttlMilliseconds),
    waitFor: durationOf(0),
    signal: calm(),
    reporter: createRecorder(),
  });
}

/** Stores and commits a small backup. */
export async function commitSmallBackup(repo: SiteRepository, backup: SmallBackup): Promise<BackupMarker> {
  const marker = await storeSmallBackup(repo, backup);
  await using lease = await takeLease(repo);
  await commitBackup(repo, marker, lease);
  return marker;
}
