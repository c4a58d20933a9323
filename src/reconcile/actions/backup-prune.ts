import type { PlannedWork } from '../../domain/plan.ts';
import { removeBackup } from '../../repository/remove.ts';
import type { ActionContext } from './action-context.ts';
import { summariseRemoval } from './removal-summary.ts';

/** Takes a backup out of the index; the packs that nothing else needs go as orphans. */
export async function executeBackupPrune(
  work: Extract<PlannedWork, { kind: 'backup.prune' }>,
  { repo, lease }: ActionContext,
): Promise<string> {
  await lease.confirm();
  return summariseRemoval(await removeBackup(repo, work.backup, lease.signal));
}
