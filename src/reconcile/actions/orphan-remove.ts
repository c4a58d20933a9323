import type { PlannedWork } from '../../domain/plan.ts';
import { removeKeys, removePacks } from '../../repository/remove.ts';
import type { ActionContext } from './action-context.ts';
import { summariseRemoval } from './removal-summary.ts';

/** Removes packs that no backup names, and what an interruption left. */
export async function executeOrphanRemove(
  work: Extract<PlannedWork, { kind: 'orphan.remove' }>,
  { repo, lease }: ActionContext,
): Promise<string> {
  await lease.confirm();
  const packs = await removePacks(repo, work.packs, lease.signal);
  const keys = await removeKeys(repo, work.keys, lease.signal);
  return summariseRemoval(packs, keys);
}
