import { type Condition, type ConditionInput, worst } from './condition.ts';
import { newestBackup } from './diff-backups.ts';
import { formatInstant } from './instant.ts';
import { latestSlot } from './schedule.ts';

/** Every repository holds a restorable backup that is not older than the latest slot. The worst repository decides. */
export function backupFresh({ desired, observed, windows, now }: ConditionInput): Condition {
  const type = 'BackupFresh';
  const { schedule } = desired.policy.backup;
  const slot = schedule && latestSlot(schedule, now);
  const states = desired.repositories.map((name): Condition => {
    const observation = observed.repositories.get(name);
    const window = windows.get(name);
    if (observation?.kind !== 'known' || !window) {
      return { type, status: 'Unknown', reason: 'NotObserved', message: `"${name}" could not be observed` };
    }
    const { backups } = observation.value;
    if (schedule === undefined && backups.length === 0) {
      return {
        type,
        status: 'True',
        reason: 'OnRequest',
        message: `"${name}" holds no backup; the policy takes them on request only`,
      };
    }
    const restorable = backups.filter((backup) => window.restorable.has(backup.id));
    const newest = newestBackup({ repository: { ...observation.value, backups: restorable }, now });
    if (backups.length === 0)
      return { type, status: 'False', reason: 'NoBackup', message: `"${name}" holds no backup` };
    if (!newest) {
      // Ids begin with the time.
      const last = window.unrestorable.toSorted((a, b) => (a.backup < b.backup ? 1 : -1))[0];
      const why = last === undefined ? '' : `, the newest because: ${last.reason}`;
      return { type, status: 'False', reason: 'Unrestorable', message: `no backup in "${name}" can be restored${why}` };
    }
    const last = `the newest restorable backup in "${name}" is of ${formatInstant(newest.startTime)}`;
    if (slot === undefined) return { type, status: 'True', reason: 'OnRequest', message: last };
    return newest.startTime >= slot
      ? { type, status: 'True', reason: 'Fresh', message: last }
      : { type, status: 'False', reason: 'Overdue', message: `${last}; one was due at ${formatInstant(slot)}` };
  });
  return worst(states) ?? { type, status: 'Unknown', reason: 'NotObserved', message: 'the site has no repository' };
}
