import { createHash } from 'node:crypto';
import type { PlannedAction } from '../domain/plan.ts';

/** SHA-256, in hexadecimal, of what an action rests on: the same inputs give the same digest in every process. */
export function inputsDigest(action: Pick<PlannedAction, 'inputs'>): string {
  return createHash('sha256').update(action.inputs, 'utf8').digest('hex');
}
