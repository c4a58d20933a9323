import type { Failure } from './failure.ts';
import type { PlannedAction } from './plan.ts';

/** How one action of a plan ended. */
export type ActionOutcome =
  | { readonly kind: 'done'; readonly summary: string }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** The need was gone when the repository was looked at again under the lease. */
  | { readonly kind: 'vanished'; readonly because: string }
  /** The same action now rests on other inputs than the ones that were approved: left to the next pass. */
  | { readonly kind: 'changed'; readonly because: string }
  /** A guard of the plan stops it; its blockers say why. */
  | { readonly kind: 'blocked' }
  /** Nobody approved it. */
  | { readonly kind: 'refused'; readonly because: string }
  /** Something that it waits for did not succeed. */
  | { readonly kind: 'skipped'; readonly because: string };

export interface ExecutedAction {
  readonly action: PlannedAction;
  readonly outcome: ActionOutcome;
}
