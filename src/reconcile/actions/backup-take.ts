import { takeBackup } from '../../backup/take-backup.ts';
import { renderBytes } from '../../domain/bytes.ts';
import type { PlannedWork } from '../../domain/plan.ts';
import type { ActionContext } from './action-context.ts';

/** Takes a backup; it counts only once everything that a restore of it needs is stored. Not idempotent: each call makes one. */
export async function executeBackupTake(
  _work: Extract<PlannedWork, { kind: 'backup.take' }>,
  { site, repo, observed, lease, effects, secrets, toolVersion }: ActionContext,
): Promise<string> {
  const backup = await takeBackup({ site, repo, observed, lease, effects, secrets, toolVersion });
  return `backup ${backup.id}: ${renderBytes(backup.bytes)}, of which ${renderBytes(backup.storedBytes)} were new`;
}
