import { isFailure } from '../domain/failure.ts';
import { type BackupId, type ObservedRepository, packName } from '../domain/observed.ts';
import { type BackupMarker, readMarker } from './backup-marker.ts';
import { type ChunkIndex, createChunkIndex } from './chunk-index.ts';
import type { ManifestChunk, ManifestLine } from './manifest-types.ts';
import { readManifest, readManifestCopy } from './read-manifest.ts';
import type { SiteRepository } from './site-repository.ts';

/** Which chunks need not be stored again. */
export interface KnownChunks {
  readonly index: ChunkIndex;
  /** The (sub)keys that packs of earlier backups are encrypted to; undefined for those that are not encrypted. */
  readonly encryptedTo: (backup: BackupId) => readonly string[] | undefined;
  /** The newest backup of which no chunk could be told, although it is whole: its manifest is encrypted, and there is no copy here. */
  readonly unreadable: BackupId | undefined;
}

/**
 * The chunks that the newest readable backup names. Only chunks whose pack is in the listing and long enough count: what is not certainly
 * there is stored again. So is what not every present recipient can open (of an encrypted repository, also what is not encrypted; of another,
 * what is): a new backup never depends on a key that has been retired. A damaged manifest is passed over for the next older backup's.
 */
export async function loadChunkIndex(
  repo: SiteRepository,
  observed: ObservedRepository,
  signal: AbortSignal,
): Promise<KnownChunks> {
  const sizes = new Map(observed.packs.map((pack) => [packName(pack), pack.size]));
  const recipients = (await repo.encryptor?.())?.recipients.map(({ encryptionKey }) => encryptionKey);
  let unreadable: BackupId | undefined;
  for (const { id } of observed.backups.toReversed()) {
    for (const read of SOURCES) {
      try {
        const marker = await readMarker(repo, id, signal);
        const encryptedTo = new Map(marker.packGroups.map((group) => [group.backup, group.encryptedTo]));
        const isUsable = ({ pack, offset, length }: ManifestChunk): boolean =>
          isOpenedBy(recipients, encryptedTo.get(pack.backup)) && offset + length <= (sizes.get(packName(pack)) ?? -1);
        const index = await indexOf(read(repo, marker, signal), isUsable);
        return { index, encryptedTo: (backup) => encryptedTo.get(backup), unreadable };
      } catch (error) {
        if (isFailure(error, 'key.missing', 'key.passphrase', 'key.unusable', 'secret.unavailable')) unreadable ??= id;
        else if (!isFailure(error, ...PASSED_OVER)) throw error;
      }
    }
  }
  return { index: createChunkIndex(), encryptedTo: () => undefined, unreadable };
}

/** The copy first: it needs no private key and no request. One that is damaged is as good as none. */
const SOURCES: readonly ((
  repo: SiteRepository,
  marker: BackupMarker,
  signal: AbortSignal,
) => AsyncIterable<ManifestLine>)[] = [readManifestCopy, readManifest];

const PASSED_OVER = [
  'object.corrupt',
  'object.untrusted',
  'store.not-found',
  'repository.foreign',
  'policy.unsupported',
] as const;

async function indexOf(
  lines: AsyncIterable<ManifestLine>,
  isUsable: (chunk: ManifestChunk) => boolean,
): Promise<ChunkIndex> {
  const index = createChunkIndex();
  for await (const line of lines) {
    if (line.kind !== 'file') continue;
    for (const chunk of line.chunks) if (isUsable(chunk)) index.add(Buffer.from(chunk.sha256, 'hex'), chunk);
  }
  return index;
}

/** Every recipient can open what is encrypted to these keys; both undefined: nothing is encrypted. */
function isOpenedBy(recipients: readonly string[] | undefined, encryptedTo: readonly string[] | undefined): boolean {
  if (recipients === undefined || encryptedTo === undefined) return recipients === encryptedTo;
  return recipients.every((key) => encryptedTo.includes(key));
}
