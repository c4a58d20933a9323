import { type BackupId, type ObservedRepository, packName, type StoredBackup } from './observed.ts';

/** Backups that cannot be restored whatever WAL comes, with the reason in words. */
export function damagedBackups(repository: ObservedRepository): ReadonlyMap<BackupId, string> {
  const stored = new Set(repository.packs.map(packName));
  const damaged = new Map<BackupId, string>();
  for (const backup of repository.backups) {
    const missing = backup.packs.filter((pack) => !stored.has(packName(pack)));
    const [first] = missing;
    if (first) {
      const more = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
      damaged.set(backup.id, `pack ${first.number} of backup ${first.backup}${more}, which it needs, is missing`);
    } else if (isForeign(repository, backup)) {
      const system = repository.identity?.systemIdentifier;
      damaged.set(
        backup.id,
        `it was taken from system ${backup.systemIdentifier}, the WAL stored here is of system ${system}`,
      );
    }
  }
  return damaged;
}

/** The stored WAL belongs to one cluster; a backup of another can only live from the WAL that it carries. */
const isForeign = (repository: ObservedRepository, backup: StoredBackup): boolean =>
  !backup.carriesWal &&
  repository.identity !== undefined &&
  repository.identity.systemIdentifier !== backup.systemIdentifier;
