import { type Condition, type ConditionInput, worst } from './condition.ts';
import { formatDuration } from './duration.ts';
import { formatInstant } from './instant.ts';

/** What retention asks to keep is there, and what it asks to remove has gone. */
export function retentionSatisfied(input: ConditionInput): Condition {
  const { desired } = input;
  const states = desired.repositories.map((name) => retentionOf(input, name));
  return (
    worst(states) ?? {
      type: 'RetentionSatisfied',
      status: 'Unknown',
      reason: 'NotObserved',
      message: 'the site has no repository',
    }
  );
}

function retentionOf(
  { desired, observed, windows, actions, now }: ConditionInput,
  name: ConditionInput['desired']['repositories'][number],
): Condition {
  const type = 'RetentionSatisfied';
  const observation = observed.repositories.get(name);
  const window = windows.get(name);
  if (observation?.kind !== 'known' || !window) {
    return { type, status: 'Unknown', reason: 'NotObserved', message: `"${name}" could not be observed` };
  }
  const [unreadable] = observation.value.unreadableBackups;
  if (unreadable) {
    const message = `backup ${unreadable.id} in "${name}" cannot be read: ${unreadable.reason}`;
    return { type, status: 'Unknown', reason: 'UnreadableBackup', message };
  }
  const { minimum, window: length } = desired.policy.retention;
  if (window.restorable.size < minimum) {
    const message = `"${name}" holds ${window.restorable.size} restorable backup${window.restorable.size === 1 ? '' : 's'} of the ${minimum} that the policy asks for`;
    return { type, status: 'False', reason: 'BelowMinimum', message };
  }
  const pending = actions.filter(
    ({ repository, work }) => repository === name && (work.kind === 'backup.prune' || work.kind === 'wal.prune'),
  );
  if (pending.length > 0) {
    return {
      type,
      status: 'False',
      reason: 'PrunePending',
      message: `${pending.length === 1 ? 'a removal is' : `${pending.length} removals are`} due in "${name}"`,
    };
  }
  const oldest = window.intervals.reduce<number>(
    (first, { fromTime }) => Math.min(first, fromTime),
    Number.POSITIVE_INFINITY,
  );
  if (length !== undefined && oldest > now - length) {
    // Every new site goes through this, and so does one whose window was made longer: nothing is wrong.
    const since = Number.isFinite(oldest) ? `reaches back to ${formatInstant(oldest as typeof now)}` : 'is empty';
    return {
      type,
      status: 'True',
      reason: 'WindowFilling',
      message: `the window of ${formatDuration(length)} in "${name}" ${since} so far`,
    };
  }
  return { type, status: 'True', reason: 'Satisfied', message: 'what the policy keeps is there, and nothing else' };
}
