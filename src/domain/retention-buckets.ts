import type { RetentionPolicy } from './desired.ts';
import { unreachable } from './failure.ts';
import type { Instant } from './instant.ts';
import type { StoredBackup } from './observed.ts';

/** The calendar rules of a retention policy; all calendars are UTC, weeks are those of ISO 8601 and begin on Monday. */
const BUCKETS = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type BucketName = (typeof BUCKETS)[number];

/**
 * For each calendar rule that the policy declares with a count N: the newest backup of each of the last N hours (days, …) that
 * have one. Empty hours do not count, so a pause in taking backups expires nothing (as `restic forget` does).
 */
export function keptByBuckets(
  newestFirst: readonly StoredBackup[],
  keep: RetentionPolicy['keep'],
): readonly { readonly backup: StoredBackup; readonly bucket: BucketName; readonly label: string }[] {
  return BUCKETS.flatMap((bucket) => {
    const count = keep[bucket] ?? 0;
    const newest = new Map<string, StoredBackup>();
    for (const backup of newestFirst) {
      const label = bucketLabel(bucket, backup.startTime);
      if (newest.size < count && !newest.has(label)) newest.set(label, backup);
    }
    return [...newest].map(([label, backup]) => ({ backup, bucket, label }));
  });
}

/** `2026-11-22T14`, `2026-11-22`, `2026-W47`, `2026-11`, `2026`. */
export function bucketLabel(bucket: BucketName, at: Instant): string {
  const iso = new Date(at).toISOString();
  switch (bucket) {
    case 'hourly':
      return iso.slice(0, 13);
    case 'daily':
      return iso.slice(0, 10);
    case 'weekly':
      return isoWeek(at);
    case 'monthly':
      return iso.slice(0, 7);
    case 'yearly':
      return iso.slice(0, 4);
    default:
      return unreachable(bucket);
  }
}

const DAY = 86_400_000;

/** The ISO week belongs to the year that its Thursday lies in. */
function isoWeek(at: Instant): string {
  const day = Math.floor(at / DAY);
  // 1970-01-01 was a Thursday: day 4 of its week when Monday is 1.
  const weekday = ((((day + 3) % 7) + 7) % 7) + 1;
  const thursday = new Date((day + 4 - weekday) * DAY);
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY)) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}
