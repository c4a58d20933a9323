import { packName } from '../domain/observed.ts';
import { mapBounded } from '../storage/bounded.ts';
import type { BackupMarker } from './backup-marker.ts';
import { packFileName, packKey, packSumsKey, packsPrefix, parseSiteKey } from './layout.ts';
import { measured, newMeasure, summed } from './measured.ts';
import { missingPacks, type PackGroup, packsOf } from './pack-list.ts';
import { readPackSums } from './pack-sums.ts';
import type { SiteRepository } from './site-repository.ts';
import type { VerifyFindings } from './verify-findings.ts';

/** Whole objects in flight. Each holds what its store reads ahead. */
const OBJECTS_AT_ONCE = 4;

export interface StoredWork {
  readonly repo: SiteRepository;
  readonly marker: BackupMarker;
  readonly findings: VerifyFindings;
  readonly signal: AbortSignal;
  readonly onBytes: (count: number) => void;
}

export interface VerifiedStored {
  readonly objects: number;
  readonly bytes: number;
  /** The manifest has the bytes that the marker names. */
  readonly manifest: boolean;
  /** Backups that wrote packs of this one and left no sums of them. */
  readonly withoutSums: readonly PackGroup[];
}

/** Compares the stored bytes of a backup's manifest and packs with what the repository says of them. Needs no key. */
export async function verifyStored(work: StoredWork): Promise<VerifiedStored> {
  const { repo, marker, findings, signal } = work;
  const counted = { objects: 0, bytes: 0 };
  const compare = async (key: string, whole: (found: { size: number; sha256: string }) => string | undefined) => {
    try {
      const found = await measure(work, key);
      const damage = whole(found);
      if (damage === undefined) {
        counted.objects += 1;
        counted.bytes += found.size;
        return true;
      }
      findings.damaged(key, `${key} is damaged: ${damage}`);
    } catch (error) {
      findings.take(key, error);
    }
    return false;
  };
  const { key, size, sha256 } = marker.manifest;
  const manifest = await compare(key, (found) =>
    found.size === size
      ? otherThan(sha256, found.sha256, 'backup.json')
      : `it has ${found.size} bytes, but ${size} were stored`,
  );
  const withoutSums: PackGroup[] = [];
  for (const group of marker.packGroups) {
    const packs = packsOf([group]);
    const sumsKey = packSumsKey(repo.site, group.backup);
    let sums: ReadonlyMap<string, string> | undefined;
    try {
      sums = await readPackSums(repo, group.backup, packs, signal);
      if (sums === undefined) withoutSums.push(group);
    } catch (error) {
      findings.take(sumsKey, error);
    }
    if (sums === undefined) {
      await lookForPacks(work, group);
      continue;
    }
    await mapBounded(packs, OBJECTS_AT_ONCE, signal, async (pack) => {
      const wanted = sums.get(packName(pack));
      if (wanted === undefined) findings.damaged(sumsKey, `${sumsKey} does not name ${packFileName(pack)}`);
      else await compare(packKey(repo.site, pack), (found) => otherThan(wanted, found.sha256, sumsKey));
    });
  }
  return { ...counted, manifest, withoutSums };
}

const otherThan = (wanted: string, found: string, source: string): string | undefined =>
  found === wanted
    ? undefined
    : `its stored bytes have SHA-256 ${found.slice(0, 12)}…, but ${source} says ${wanted.slice(0, 12)}…`;

/** What can be said of packs that nothing says the hash of: that they are there, and how long they are together. */
async function lookForPacks({ repo, findings, signal }: StoredWork, group: PackGroup): Promise<void> {
  const sizes = new Map<string, number>();
  const folder = `${packsPrefix(repo.site)}${group.backup}/`;
  for await (const page of repo.store.list(folder, { signal })) {
    for (const { key, size } of page) {
      const parsed = parseSiteKey(repo.site, key);
      if (parsed?.kind === 'pack') sizes.set(packKey(repo.site, parsed.pack), size);
    }
  }
  const { missing, damaged } = missingPacks([group], (pack) => sizes.get(packKey(repo.site, pack)));
  for (const pack of missing) {
    const key = packKey(repo.site, pack);
    findings.damaged(key, `${key} is missing`);
  }
  if (damaged !== undefined) findings.damaged(folder, damaged);
}

async function measure(
  { repo, signal, onBytes }: StoredWork,
  key: string,
): Promise<{ readonly size: number; readonly sha256: string }> {
  const into = newMeasure();
  for await (const piece of measured(await repo.store.get(key, { signal }), into)) onBytes(piece.byteLength);
  return summed(into);
}
