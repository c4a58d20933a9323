import { Failure } from '../domain/failure.ts';
import type { Instant } from '../domain/instant.ts';
import { type BackupId, backupId } from '../domain/observed.ts';

/** A new backup id, `YYYYMMDDTHHMMSSZ-<8 hex>`: sorts by start time (UTC), unique by its random part. */
export function newBackupId(startedAt: Instant, random: (count: number) => Uint8Array): BackupId {
  const time = new Date(startedAt)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:]/g, '');
  return backupId(`${time}-${Buffer.from(random(4)).toString('hex')}`);
}

/** As part of a regular expression. */
export const BACKUP_ID_FORM = '\\d{8}T\\d{6}Z-[0-9a-f]{8}';

const BACKUP_ID = new RegExp(`^${BACKUP_ID_FORM}$`);

/** Throws `value.invalid`. */
export function parseBackupId(text: string): BackupId {
  if (BACKUP_ID.test(text)) return backupId(text);
  throw new Failure('value.invalid', {
    message: `"${text}" is not a backup id`,
    hint: 'ids look like 20261122T020000Z-1f2e3d4c; list them with `hoard backup list`',
  });
}
