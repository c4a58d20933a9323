import type { PlannedAction } from '../domain/plan.ts';
import type { SavedAction, SavedPlan } from './saved-plan.ts';

/** Nothing but a word of approval stands in its way. */
export function awaitsApprovalOnly(action: PlannedAction): boolean {
  return action.blockedBy.every(({ code }) => code === 'needs-approval');
}

/** Needs somebody's word: it removes something, or the policy asks for it. */
export function needsApproval(action: PlannedAction): boolean {
  return awaitsApprovalOnly(action) && (action.risk === 'destructive' || action.blockedBy.length > 0);
}

/** How a plan made now differs from one that was saved. */
export interface PlanComparison {
  /** The same id with the same digest came out again. */
  readonly same: readonly PlannedAction[];
  /** The same id came out, resting on other inputs. */
  readonly changed: readonly PlannedAction[];
  /** Of the saved plan, what did not come out: its need has gone, or it was not looked at. */
  readonly vanished: readonly SavedAction[];
  /** Came out now and was not in the saved plan. */
  readonly added: readonly PlannedAction[];
}

export function comparePlans(
  saved: SavedPlan,
  actions: readonly PlannedAction[],
  digestOf: (action: PlannedAction) => string,
): PlanComparison {
  const digests = new Map(saved.actions.map(({ id, inputsDigest }) => [id, inputsDigest]));
  const ids = new Set(actions.map(({ id }) => id));
  const known = actions.filter(({ id }) => digests.has(id));
  return {
    same: known.filter((action) => digests.get(action.id) === digestOf(action)),
    changed: known.filter((action) => digests.get(action.id) !== digestOf(action)),
    vanished: saved.actions.filter(({ id }) => !ids.has(id)),
    added: actions.filter(({ id }) => !digests.has(id)),
  };
}
