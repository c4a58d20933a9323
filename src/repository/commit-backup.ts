import { Failure, isFailure } from '../domain/failure.ts';
import { packName } from '../domain/observed.ts';
import { type BackupMarker, formatMarker } from './backup-marker.ts';
import { markerKey, packsPrefix, parseSiteKey } from './layout.ts';
import type { Lease } from './lease.ts';
import { missingPacks } from './pack-list.ts';
import type { SiteRepository } from './site-repository.ts';
import { createSmallObject } from './small-object.ts';

const WITHDRAW_MILLISECONDS = 30_000;
/** The look lists every pack that the backup needs: a minute or more for a million of them. */
const LOOK_MILLISECONDS = 10 * 60_000;

/**
 * Makes a backup count: writes backup.json, last of all its objects. Everything that it names is looked for in the store before, and again
 * after. The second look closes the gap that a process which was stopped for long leaves: another one may have taken the lease, seen no
 * marker, and removed the packs. Then the marker goes again; nobody has relied on it, as a backup without its packs is none.
 *
 * A lease that was lost once the marker lay there takes nothing back: whoever has the lease now may have seen the whole backup, and removed an
 * older one because of it.
 *
 * Throws `backup.failed` where packs or manifest are missing or cut; nothing counts then, unless it says that the marker could not be taken
 * back. Throws `lease.lost` where the lease was lost: before the marker was written nothing counts, afterwards the message says that it does.
 */
export async function commitBackup(repo: SiteRepository, marker: BackupMarker, lease: Lease): Promise<void> {
  const { signal } = lease;
  await lease.confirm();
  await requireParts(repo, marker, signal);
  lease.check();
  const key = markerKey(repo.site, marker.id);
  const created = await createSmallObject(repo.store, key, formatMarker(marker), signal);
  if (!created) throw new Failure('backup.failed', { message: `backup ${marker.id} was committed before` });
  try {
    // Not with the lease's signal: the look is the more needed when the lease is lost.
    await requireParts(repo, marker, AbortSignal.timeout(LOOK_MILLISECONDS));
  } catch (error) {
    // What could not be looked at may well be whole.
    if (!isFailure(error)) throw notSeen(marker, error);
    if (error.code !== 'backup.failed') throw error;
    const problem = await withdraw(repo, key);
    if (problem === undefined) throw error;
    throw new Failure('backup.failed', {
      message: `backup ${marker.id} was not confirmed (${messageOf(error)}), and ${key} could not be taken back: ${problem}`,
      hint: 'hoard backup list shows whether it can be restored',
      cause: error,
    });
  }
  await requireLease(marker, lease);
}

/** For what is no Failure: the signal of the look has a reason of its own. */
const notSeen = (marker: BackupMarker, error: unknown): Failure =>
  new Failure('store.unavailable', {
    message: `backup ${marker.id} was written, but its parts could not be looked at again: ${messageOf(error)}`,
    hint: 'hoard backup list shows whether it can be restored',
    cause: error,
  });

async function requireLease(marker: BackupMarker, lease: Lease): Promise<void> {
  try {
    await lease.confirm();
  } catch (error) {
    if (!isFailure(error, 'lease.lost')) throw error;
    throw new Failure('lease.lost', {
      message: `${error.message}, after backup ${marker.id} was written; it stays, as others may have seen it`,
      hint: 'hoard backup list shows whether it can be restored',
      cause: error,
    });
  }
}

/** Why the marker could not be removed; undefined where it is gone. */
async function withdraw(repo: SiteRepository, key: string): Promise<string | undefined> {
  try {
    // Not with the lease's signal: the lease may be lost.
    const [result] = await repo.store.deleteMany([key], { signal: AbortSignal.timeout(WITHDRAW_MILLISECONDS) });
    if (result?.kind === 'removed') return undefined;
    return result?.kind === 'failed' ? result.error.message : 'the store keeps it locked';
  } catch (error) {
    return messageOf(error);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function requireParts(repo: SiteRepository, marker: BackupMarker, signal: AbortSignal): Promise<void> {
  const { key, size } = marker.manifest;
  const manifest = await repo.store.head(key, { signal });
  if (manifest?.size !== size) {
    throw new Failure('backup.failed', {
      message: `the manifest ${key} has ${manifest?.size ?? 0} bytes in the store, but ${size} were written`,
    });
  }
  const sizes = new Map<string, number>();
  for (const { backup } of marker.packGroups) {
    for await (const page of repo.store.list(`${packsPrefix(repo.site)}${backup}/`, { signal })) {
      for (const { key, size } of page) {
        const parsed = parseSiteKey(repo.site, key);
        if (parsed?.kind === 'pack') sizes.set(packName(parsed.pack), size);
      }
    }
  }
  const { missing, damaged } = missingPacks(marker.packGroups, (pack) => sizes.get(packName(pack)));
  const [first] = missing;
  if (first) {
    throw new Failure('backup.failed', {
      message: `${missing.length} packs of backup ${marker.id} are not in the store, the first is ${packName(first)}`,
    });
  }
  if (damaged !== undefined) throw new Failure('backup.failed', { message: `backup ${marker.id}: ${damaged}` });
}
