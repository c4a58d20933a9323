import type { Removal } from '../../repository/remove.ts';

/** `removed 12 objects`, and how many the store keeps locked. */
export function summariseRemoval(...removals: readonly Removal[]): string {
  const removed = removals.reduce((sum, each) => sum + each.removed, 0);
  const retained = removals.reduce((sum, each) => sum + each.retained.length, 0);
  const text = `removed ${removed === 1 ? '1 object' : `${removed} objects`}`;
  return retained === 0 ? text : `${text}; the store keeps ${retained} locked for now`;
}
