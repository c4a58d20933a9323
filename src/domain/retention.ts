import type { RetentionPolicy } from './desired.ts';
import { formatDuration } from './duration.ts';
import { formatInstant, type Instant, instant } from './instant.ts';
import type { BackupId, ObservedRepository, StoredBackup } from './observed.ts';
import type { DetailedRecoveryWindow } from './recovery-window.ts';
import { keptByBuckets } from './retention-buckets.ts';
import { PATIENCE, windowAnchors } from './retention-window.ts';

/** Why a backup is kept or removed; stable codes for machines, the sentence beside them for people. */
type RetentionCode =
  | 'window'
  | 'window-anchor'
  | 'last'
  | 'within'
  | 'hourly'
  | 'daily'
  | 'weekly'
  | 'monthly'
  | 'yearly'
  | 'minimum'
  | 'hold'
  | 'newest-restorable'
  | 'newest-proven'
  | 'may-become-restorable'
  | 'no-rules'
  | 'expired'
  | 'maximum'
  | 'unrestorable';

interface RetentionReason {
  readonly code: RetentionCode;
  readonly text: string;
}

export interface BackupDecision {
  readonly backup: StoredBackup;
  readonly keep: boolean;
  /** At least one. For a backup that goes because of `maximum`, also the rules that would have kept it. */
  readonly reasons: readonly RetentionReason[];
  /** Kept so that every later moment can be restored from it, not only the backup itself: its WAL is kept onwards. */
  readonly pointInTime: boolean;
}

export interface RetentionInput {
  readonly repository: ObservedRepository;
  readonly window: DetailedRecoveryWindow;
  readonly policy: RetentionPolicy;
  readonly now: Instant;
}

/**
 * Decides for each backup of a repository whether it stays, with all reasons; in the order of the observation.
 *
 * - Rules count restorable backups only. Calendar rules, `last` and `within` go by the start time of a backup, the window by its stop time.
 * - The window keeps every backup that ended in it and the anchors that lead into it (see windowAnchors).
 * - Without a window, point-in-time recovery reaches back to the oldest kept backup, as DBAs know it from pgBackRest and Barman.
 * - A policy without any rule keeps everything: an empty policy must not delete.
 * - Never removed, whatever the policy says: held backups, the newest restorable one, the newest proven one, the newest `minimum`.
 * - `maximum` removes the oldest of those that only `last`, `within` or a calendar rule keeps.
 * - A backup that cannot be restored stays while its WAL may still come: as long as it is the newest, or younger than the
 *   window (than seven days where there is none).
 */
export function planRetention(input: RetentionInput): readonly BackupDecision[] {
  const { repository, window, policy } = input;
  const reasons = new Map<BackupId, RetentionReason[]>(repository.backups.map((backup) => [backup.id, []]));
  const add = (backup: { readonly id: BackupId }, code: RetentionCode, text: string): void => {
    reasons.get(backup.id)?.push({ code, text });
  };
  const newestFirst = [...repository.backups].sort(byStartDescending);
  const restorable = newestFirst.filter((backup) => window.restorable.has(backup.id));

  const anchors = keepForWindow(input, restorable, add);
  keepByRules(input, restorable, add);
  keepAlways(input, newestFirst, restorable, add);
  keepWaiting(input, newestFirst, add);
  const overMaximum = overTheMaximum(policy.maximum, restorable, reasons);

  return repository.backups.map((backup): BackupDecision => {
    const why = reasons.get(backup.id) ?? [];
    if (why.length === 0) return { backup, keep: false, reasons: [whyRemoved(input, backup)], pointInTime: false };
    if (overMaximum.has(backup.id)) {
      const text = `more than the maximum of ${policy.maximum} backups`;
      return { backup, keep: false, reasons: [{ code: 'maximum', text }, ...why], pointInTime: false };
    }
    const pointInTime = policy.window === undefined || anchors.has(backup.id) || isPointInTime(why);
    return { backup, keep: true, reasons: why, pointInTime };
  });
}

type Add = (backup: { readonly id: BackupId }, code: RetentionCode, text: string) => void;

const byStartDescending = (a: StoredBackup, b: StoredBackup): number =>
  b.startTime - a.startTime || (a.id < b.id ? 1 : -1);

const isPointInTime = (why: readonly RetentionReason[]): boolean =>
  why.some(({ code }) => code === 'window' || code === 'may-become-restorable');

function keepForWindow(
  { repository, window, policy, now }: RetentionInput,
  restorable: readonly StoredBackup[],
  add: Add,
) {
  if (policy.window === undefined) return new Map<BackupId, StoredBackup>();
  const since = instant(now - policy.window);
  const anchors = windowAnchors(repository, window, since);
  for (const backup of anchors.values()) {
    add(
      backup,
      'window-anchor',
      `the window of ${formatDuration(policy.window)} is restored from it, from ${formatInstant(since)} on`,
    );
  }
  for (const backup of restorable) {
    if (backup.stopTime > since) add(backup, 'window', `it lies in the window of ${formatDuration(policy.window)}`);
  }
  return anchors;
}

function keepByRules({ policy, now }: RetentionInput, restorable: readonly StoredBackup[], add: Add): void {
  const { keep } = policy;
  if (policy.window === undefined && Object.values(keep).every((rule) => rule === undefined)) {
    for (const backup of restorable) add(backup, 'no-rules', 'the policy names no rule by which a backup would expire');
  }
  for (const [index, backup] of restorable.slice(0, keep.last ?? 0).entries()) {
    add(backup, 'last', `it is number ${index + 1} of the last ${keep.last}`);
  }
  if (keep.within !== undefined) {
    for (const backup of restorable) {
      if (backup.startTime >= now - keep.within)
        add(backup, 'within', `it is younger than ${formatDuration(keep.within)}`);
    }
  }
  for (const { backup, bucket, label } of keptByBuckets(restorable, keep)) {
    add(backup, bucket, `it is the newest of ${label} (${bucket}: ${keep[bucket]})`);
  }
}

function keepAlways(
  input: RetentionInput,
  newestFirst: readonly StoredBackup[],
  restorable: readonly StoredBackup[],
  add: Add,
): void {
  const { repository, policy, now } = input;
  const minimum = Math.max(policy.minimum, 1);
  for (const backup of restorable.slice(0, minimum))
    add(backup, 'minimum', `at least ${minimum} stay, whatever their age`);
  // A backup dated in the future (a clock was wrong) must not push out the one by which the next is found to be due.
  const newest = new Set([restorable[0], restorable.find((backup) => backup.startTime <= now)]);
  for (const backup of newest) if (backup) add(backup, 'newest-restorable', 'it is the newest that can be restored');
  const proven = new Set(repository.proofs.map((proof) => proof.backup));
  const newestProven = new Set([newestFirst, restorable].map((list) => list.find((backup) => proven.has(backup.id))));
  for (const backup of newestProven)
    if (backup) add(backup, 'newest-proven', 'it is the newest from which a restore was proven');
  for (const hold of repository.holds) {
    if (hold.until !== undefined && hold.until <= now) continue;
    const until = hold.until === undefined ? '' : ` until ${formatInstant(hold.until)}`;
    add({ id: hold.backup }, 'hold', `it is held${until}: ${hold.reason}`);
  }
}

function keepWaiting({ window, policy, now }: RetentionInput, newestFirst: readonly StoredBackup[], add: Add): void {
  const patience = policy.window ?? PATIENCE;
  for (const [index, backup] of newestFirst.entries()) {
    if (window.restorable.has(backup.id)) continue;
    if (index === 0) add(backup, 'may-become-restorable', 'it is the newest, and what it lacks may still come');
    else if (backup.stopTime > now - patience) {
      add(
        backup,
        'may-become-restorable',
        `it is younger than ${formatDuration(patience)}, and what it lacks may still come`,
      );
    }
  }
}

// What `maximum` may overrule; everything else protects.
const CAPPED: ReadonlySet<RetentionCode> = new Set([
  'last',
  'within',
  'hourly',
  'daily',
  'weekly',
  'monthly',
  'yearly',
  'no-rules',
]);

function overTheMaximum(
  maximum: number | undefined,
  restorable: readonly StoredBackup[],
  reasons: ReadonlyMap<BackupId, readonly RetentionReason[]>,
): ReadonlySet<BackupId> {
  const kept = restorable.filter((backup) => (reasons.get(backup.id) ?? []).length > 0);
  const excess = maximum === undefined ? 0 : kept.length - maximum;
  const removable = kept.filter((backup) => (reasons.get(backup.id) ?? []).every(({ code }) => CAPPED.has(code)));
  return new Set(excess > 0 ? removable.slice(-excess).map((backup) => backup.id) : []);
}

function whyRemoved({ window }: RetentionInput, backup: StoredBackup): RetentionReason {
  const lacking = window.unrestorable.find((entry) => entry.backup === backup.id);
  if (lacking)
    return { code: 'unrestorable', text: `it cannot be restored and is too old to become so: ${lacking.reason}` };
  return { code: 'expired', text: 'no rule keeps it' };
}
