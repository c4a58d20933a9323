import { EXIT } from '../domain/failure.ts';
import type { ExecutedAction } from '../domain/outcome.ts';
import type { ApplyResult } from './apply.ts';

/**
 * The exit status of `apply`. What failed counts before what was refused; where something was done beside it, the whole is "partly
 * done". Sites that are only watched (mode detect or suspended) are no failure.
 */
export function applyStatus({ executed, unobserved }: Pick<ApplyResult, 'executed' | 'unobserved'>): number {
  const anyDone = executed.some(({ outcome }) => outcome.kind === 'done');
  const failures = executed.flatMap(({ outcome }) => (outcome.kind === 'failed' ? [outcome.failure.exitStatus] : []));
  const [first] = failures;
  if (first !== undefined) {
    if (anyDone) return EXIT.partlyDone;
    return failures.every((status) => status === first) ? first : EXIT.failed;
  }
  if (executed.some(isRefused)) return EXIT.refused;
  if (executed.some(({ outcome }) => outcome.kind === 'changed')) return anyDone ? EXIT.partlyDone : EXIT.stalePlan;
  if (unobserved.length > 0) return anyDone ? EXIT.partlyDone : EXIT.failed;
  return EXIT.done;
}

/**
 * A guard or a missing approval stood in the way. That a site is only watched is as declared; and what waits for an observation was not
 * refused: that something could not be observed counts for itself.
 */
function isRefused({ action, outcome }: ExecutedAction): boolean {
  if (outcome.kind === 'refused') return true;
  if (outcome.kind !== 'blocked' || action.blockedBy.some(({ code }) => code === 'detect-only')) return false;
  return action.blockedBy.some(({ code }) => code !== 'unknown-cluster' && code !== 'unknown-repository');
}
