import type { PlannedAction } from '../../src/domain/plan.ts';
import { segmentName } from '../../src/domain/segment.ts';
import { HISTORY_SIZE, type SimulatedWorld } from './generated-history.ts';

/**
 * Carries a plan's actions out on a simulated world as the handlers do, one after another; an action whose dependency was not done
 * is skipped. Throws where an action would do damage that a handler refuses: a pack that a backup names.
 */
export function applySimulated(world: SimulatedWorld, actions: readonly PlannedAction[]): void {
  const done = new Set<string>();
  const planned = new Set(actions.map((action) => action.id));
  for (const action of actions) {
    if (action.blockedBy.length > 0 || action.dependsOn.some((id) => planned.has(id) && !done.has(id))) continue;
    carryOut(world, action);
    done.add(action.id);
  }
}

function carryOut(world: SimulatedWorld, { work, repository: name }: PlannedAction): void {
  const repository = world.repositories.get(name);
  if (!repository) throw new Error(`no repository ${name}`);
  switch (work.kind) {
    case 'backup.take':
      world.takeBackup(name);
      return;
    case 'wal.archive':
      world.archive(name, work.files);
      return;
    case 'backup.prune':
      world.set(name, { ...repository, backups: repository.backups.filter(({ id }) => id !== work.backup) });
      return;
    case 'wal.prune': {
      const stored = repository.wal.get(work.timeline) ?? [];
      const kept = stored.filter(({ number }) => number < work.first || number > work.last);
      if (kept.length === stored.length) {
        throw new Error(
          `nothing to prune from ${segmentName({ timeline: work.timeline, number: work.first }, HISTORY_SIZE)} on`,
        );
      }
      world.set(name, { ...repository, wal: new Map(repository.wal).set(work.timeline, kept) });
      return;
    }
    case 'orphan.remove': {
      const doomed = new Set(work.packs.map((pack) => `${pack.backup}/${pack.number}`));
      for (const backup of repository.backups) {
        const named = backup.packs.find((pack) => doomed.has(`${pack.backup}/${pack.number}`));
        if (named) throw new Error(`pack ${named.backup}/${named.number} is needed by ${backup.id}`);
      }
      world.set(name, {
        ...repository,
        packs: repository.packs.filter((pack) => !doomed.has(`${pack.backup}/${pack.number}`)),
        strays: repository.strays.filter((stray) => !work.keys.includes(stray.key)),
      });
    }
  }
}
