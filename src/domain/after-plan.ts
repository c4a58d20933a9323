import type { RepositoryName } from './desired.ts';
import { unreachable } from './failure.ts';
import type { ObservedRepository } from './observed.ts';
import type { PlannedAction } from './plan.ts';

/** What a repository will hold once the actions that nothing blocks have removed what they remove; what they add is not invented. */
export function repositoryAfter(
  name: RepositoryName,
  repository: ObservedRepository,
  actions: readonly PlannedAction[],
): ObservedRepository {
  return actions
    .filter((action) => action.repository === name && action.blockedBy.length === 0)
    .reduce((observed, { work }) => {
      switch (work.kind) {
        case 'backup.prune':
          return { ...observed, backups: observed.backups.filter((backup) => backup.id !== work.backup) };
        case 'wal.prune': {
          const kept = observed.wal
            .get(work.timeline)
            ?.filter(({ number }) => number < work.first || number > work.last);
          return { ...observed, wal: new Map(observed.wal).set(work.timeline, kept ?? []) };
        }
        case 'orphan.remove':
        case 'backup.take':
        case 'wal.archive':
          return observed;
        default:
          return unreachable(work);
      }
    }, repository);
}
