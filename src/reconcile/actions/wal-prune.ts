import type { PlannedWork } from '../../domain/plan.ts';
import { removeWal } from '../../repository/remove.ts';
import type { ActionContext } from './action-context.ts';
import { summariseRemoval } from './removal-summary.ts';

export async function executeWalPrune(
  work: Extract<PlannedWork, { kind: 'wal.prune' }>,
  { repo, lease }: ActionContext,
): Promise<string> {
  await lease.confirm();
  return summariseRemoval(await removeWal(repo, work.timeline, work.first, work.last, lease.signal));
}
