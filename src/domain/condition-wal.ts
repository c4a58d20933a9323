import { archivedElsewhere, elsewhereMessage } from './archived-elsewhere.ts';
import { type Condition, type ConditionInput, worst } from './condition.ts';
import { segmentSizeOf } from './diff-context.ts';
import { segmentName } from './segment.ts';

/** WAL is stored without a hole from the oldest backup on, and goes on being stored. */
export function walContinuous(input: ConditionInput): Condition {
  const type = 'WalContinuous';
  const { desired } = input;
  if (desired.policy.wal.method === 'none') {
    return {
      type,
      status: 'True',
      reason: 'NotArchived',
      message: 'the policy stores no WAL; backups carry their own',
    };
  }
  const states = [...desired.repositories.map((name) => storedWal(input, name)), archiving(input)];
  return worst(states) ?? { type, status: 'Unknown', reason: 'NotObserved', message: 'the site has no repository' };
}

function storedWal(
  { desired, observed, windows }: ConditionInput,
  name: ConditionInput['desired']['repositories'][number],
): Condition {
  const type = 'WalContinuous';
  const observation = observed.repositories.get(name);
  const window = windows.get(name);
  if (observation?.kind !== 'known' || !window) {
    return { type, status: 'Unknown', reason: 'NotObserved', message: `"${name}" could not be observed` };
  }
  const size = segmentSizeOf(observation.value, observed.cluster);
  for (const [timeline, { conflicts }] of window.wal.indexes) {
    const [number] = conflicts;
    if (number === undefined) continue;
    const message = `"${name}" holds different contents for WAL segment ${segmentName({ timeline, number }, size)}`;
    return { type, status: 'False', reason: 'Conflict', message };
  }
  const [gap] = window.gaps;
  if (gap) {
    const count = window.gaps.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    const from = segmentName({ timeline: gap.timeline, number: gap.first }, size);
    return {
      type,
      status: 'False',
      reason: 'Gap',
      message: `"${name}" lacks ${count === 1 ? `WAL segment ${from}` : `${count} WAL segments, the first is ${from}`}`,
    };
  }
  const elsewhere = archivedElsewhere(desired, observed.cluster, observation.value, size);
  if (elsewhere !== undefined) {
    return { type, status: 'False', reason: 'ArchivedElsewhere', message: elsewhereMessage(elsewhere, name) };
  }
  return { type, status: 'True', reason: 'Continuous', message: 'WAL is stored without a hole' };
}

function archiving({ desired, observed }: ConditionInput): Condition {
  const type = 'WalContinuous';
  const { cluster } = observed;
  if (cluster.kind === 'unknown') {
    return {
      type,
      status: 'Unknown',
      reason: 'NotObserved',
      message: `whether WAL goes on being archived is unknown: ${cluster.reason}`,
    };
  }
  const { role, archiving: state } = cluster.value;
  if (role === 'standby') {
    const message = 'only a standby answers: whether the primary goes on archiving is unknown';
    return { type, status: 'Unknown', reason: 'NotObserved', message };
  }
  if (desired.policy.wal.method === 'archive-command') {
    if (state.mode === 'off') return { type, status: 'False', reason: 'ArchivingOff', message: 'archive_mode is off' };
    if (!state.configured)
      return { type, status: 'False', reason: 'ArchivingOff', message: 'archive_command is empty' };
  }
  if (state.failing) {
    return {
      type,
      status: 'False',
      reason: 'ArchivingFailing',
      message: `PostgreSQL's last attempt to archive failed: ${state.lastFailed ?? 'no name'}`,
    };
  }
  return { type, status: 'True', reason: 'Continuous', message: 'WAL is stored without a hole' };
}
