import { Failure } from '../domain/failure.ts';
import type { ActionOutcome, ExecutedAction } from '../domain/outcome.ts';
import type { PlannedAction } from '../domain/plan.ts';
import { createSlots } from './slots.ts';

/**
 * Walks the graph of a plan. Actions of one group (site and repository) run one after another in the plan's order; groups run side by
 * side, at most `concurrency` actions at a time, and one that fails delays no other. An action whose dependency did not succeed is
 * skipped; later actions of its group that do not wait for it still run. `run` must not throw: it returns the outcome.
 * `leaveGroup` is called once for each group, after its last action.
 */
export async function walkActions(args: {
  readonly actions: readonly PlannedAction[];
  readonly concurrency: number;
  readonly groupOf: (action: PlannedAction) => string;
  /** The outcome of an action that is not to run, whatever it waits for; undefined where it is to run. */
  readonly verdictOn: (action: PlannedAction) => ActionOutcome | undefined;
  readonly run: (action: PlannedAction) => Promise<ActionOutcome>;
  readonly leaveGroup: (group: string) => Promise<void>;
}): Promise<readonly ExecutedAction[]> {
  assertDependenciesFirst(args.actions);
  const slots = createSlots(args.concurrency);
  const nodes = args.actions.map((action) => ({ action, ending: Promise.withResolvers<ActionOutcome>() }));
  const byId = new Map(nodes.map((node) => [node.action.id, node]));

  const execute = async (action: PlannedAction): Promise<ActionOutcome> => {
    const verdict = args.verdictOn(action);
    if (verdict) return verdict;
    for (const id of action.dependsOn) {
      // What the plan does not hold has nothing left to wait for.
      const outcome = await byId.get(id)?.ending.promise;
      if (outcome !== undefined && outcome.kind !== 'done' && outcome.kind !== 'vanished') {
        return { kind: 'skipped', because: `it waits for ${id}, which did not succeed` };
      }
    }
    return slots.run(() => args.run(action));
  };

  const groups = Map.groupBy(nodes, ({ action }) => args.groupOf(action));
  await Promise.all(
    [...groups].map(async ([group, members]) => {
      for (const { action, ending } of members) ending.resolve(await execute(action));
      await args.leaveGroup(group);
    }),
  );
  return Promise.all(nodes.map(async ({ action, ending }) => ({ action, outcome: await ending.promise })));
}

/** Groups wait for one another, so an order that puts an action before what it waits for could stand still for ever. */
function assertDependenciesFirst(actions: readonly PlannedAction[]): void {
  const ids = new Set(actions.map(({ id }) => id));
  const seen = new Set<string>();
  for (const action of actions) {
    const late = action.dependsOn.find((id) => ids.has(id) && !seen.has(id));
    if (late !== undefined) {
      throw new Failure('bug', { message: `the plan puts ${action.id} before ${late}, which it waits for` });
    }
    seen.add(action.id);
  }
}
