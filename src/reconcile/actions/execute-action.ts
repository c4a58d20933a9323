import { unreachable } from '../../domain/failure.ts';
import type { PlannedWork } from '../../domain/plan.ts';
import type { ActionContext } from './action-context.ts';
import { executeBackupPrune } from './backup-prune.ts';
import { executeBackupTake } from './backup-take.ts';
import { executeOrphanRemove } from './orphan-remove.ts';
import { executeWalArchive } from './wal-archive.ts';
import { executeWalPrune } from './wal-prune.ts';

/** Does the work and says what was done, for people. Throws what stopped it. */
export async function executeAction(work: PlannedWork, context: ActionContext): Promise<string> {
  switch (work.kind) {
    case 'backup.take':
      return executeBackupTake(work, context);
    case 'wal.archive':
      return executeWalArchive(work, context);
    case 'backup.prune':
      return executeBackupPrune(work, context);
    case 'wal.prune':
      return executeWalPrune(work, context);
    case 'orphan.remove':
      return executeOrphanRemove(work, context);
    default:
      return unreachable(work);
  }
}
