import { GcsError } from './gcs-error.ts';
import type { Settable, StoredObject } from './stored-object.ts';

/**
 * Whether a retention may be changed as wanted: https://cloud.google.com/storage/docs/object-lock. A locked one can only become longer, and
 * an unlocked one shorter or removed only with `overrideUnlockedRetention`.
 */
export function checkRetention(
  { retention, name }: StoredObject,
  wanted: Settable,
  { isWhole, query, now }: { readonly isWhole: boolean; readonly query: URLSearchParams; readonly now: number },
): void {
  if (retention === undefined || Date.parse(retention.retainUntilTime) <= now) return;
  if (!isWhole && !Object.hasOwn(wanted, 'retention')) return;
  const next = wanted.retention;
  const isLonger = next !== undefined && Date.parse(next.retainUntilTime) >= Date.parse(retention.retainUntilTime);
  if (isLonger && (retention.mode === 'Unlocked' || next.mode === 'Locked')) return;
  if (retention.mode === 'Unlocked' && query.get('overrideUnlockedRetention') === 'true') return;
  throw new GcsError(
    403,
    'forbidden',
    `The retention of '${name}' may not be shortened or removed until ${retention.retainUntilTime}.`,
  );
}
