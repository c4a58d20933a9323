import type { Condition, ConditionInput } from './condition.ts';
import { backupFresh } from './condition-backup.ts';
import { retentionSatisfied } from './condition-retention.ts';
import { walContinuous } from './condition-wal.ts';
import type { RepositoryName } from './desired.ts';
import { segmentSizeOf } from './diff-context.ts';
import { formatDuration } from './duration.ts';
import { formatInstant } from './instant.ts';
import type { ObservedSite, StoredProof } from './observed.ts';
import type { Blocker } from './plan.ts';
import { type DetailedRecoveryWindow, detailRecoveryWindow } from './recovery-window.ts';

/**
 * The conditions of a site, in the order of CONDITION_TYPES. Each says one fact for itself; Ready follows from the others. `configError`
 * says why the newest policies are not in force, where that is so.
 */
export function siteConditions(given: Omit<ConditionInput, 'windows'>, configError?: string): readonly Condition[] {
  const input: ConditionInput = { ...given, windows: windowsOf(given) };
  const facts: readonly Condition[] = [
    configValid(configError),
    repositoryReachable(input),
    backupFresh(input),
    walContinuous(input),
    retentionSatisfied(input),
    restoreVerified(input),
    standbyInSync(input),
  ];
  const stalled = isStalled(input);
  return [ready([...facts, ...(stalled.status === 'True' ? [stalled] : [])]), reconciling(input), stalled, ...facts];
}

function windowsOf({
  desired,
  observed,
}: Omit<ConditionInput, 'windows'>): ReadonlyMap<RepositoryName, DetailedRecoveryWindow> {
  const windows = new Map<RepositoryName, DetailedRecoveryWindow>();
  for (const name of desired.repositories) {
    const observation = observed.repositories.get(name);
    if (observation?.kind !== 'known') continue;
    windows.set(name, detailRecoveryWindow(observation.value, segmentSizeOf(observation.value, observed.cluster)));
  }
  return windows;
}

function ready(others: readonly Condition[]): Condition {
  const bad = others.filter(({ type, status }) => (type === 'Stalled' ? status === 'True' : status === 'False'));
  const unknown = others.filter(({ status }) => status === 'Unknown');
  const named = (list: readonly Condition[]): string =>
    list.map(({ type, reason }) => `${type} (${reason})`).join(', ');
  if (bad.length > 0)
    return { type: 'Ready', status: 'False', reason: 'NotReady', message: `not as declared: ${named(bad)}` };
  if (unknown.length > 0)
    return { type: 'Ready', status: 'Unknown', reason: 'NotObserved', message: `not known: ${named(unknown)}` };
  return { type: 'Ready', status: 'True', reason: 'AllGood', message: 'the site is as declared' };
}

function reconciling({ actions }: ConditionInput): Condition {
  const open = actions.filter((action) => action.blockedBy.length === 0).length;
  return open > 0
    ? {
        type: 'Reconciling',
        status: 'True',
        reason: 'ActionsPending',
        message: `${open} action${open === 1 ? '' : 's'} to carry out`,
      }
    : { type: 'Reconciling', status: 'False', reason: 'NothingToDo', message: 'no action can be carried out now' };
}

// These stay until somebody does something; the others pass by themselves or are meant.
const NEEDS_A_PERSON: ReadonlySet<Blocker['code']> = new Set([
  'unreadable-backup',
  'needs-approval',
  'archiving-off',
  'foreign-cluster',
  'unsupported',
]);

function isStalled({ actions }: ConditionInput): Condition {
  const blockers = actions.flatMap((action) => action.blockedBy).filter(({ code }) => NEEDS_A_PERSON.has(code));
  const messages = [...new Set(blockers.map(({ message }) => message))];
  return messages.length > 0
    ? { type: 'Stalled', status: 'True', reason: 'NeedsAPerson', message: messages.join('; ') }
    : { type: 'Stalled', status: 'False', reason: 'NothingBlocked', message: 'nothing waits for a person' };
}

function configValid(error: string | undefined): Condition {
  return error === undefined
    ? { type: 'ConfigValid', status: 'True', reason: 'Valid', message: 'the policies are valid' }
    : { type: 'ConfigValid', status: 'False', reason: 'Invalid', message: error };
}

function repositoryReachable({ desired, observed }: ConditionInput): Condition {
  const failed: string[] = [];
  const unseen: string[] = [];
  for (const name of desired.repositories) {
    const observation = observed.repositories.get(name);
    if (!observation) unseen.push(name);
    else if (observation.kind === 'unknown') failed.push(`"${name}": ${observation.reason}`);
  }
  const type = 'RepositoryReachable';
  if (failed.length > 0)
    return { type, status: 'False', reason: 'ListingFailed', message: `could not be listed: ${failed.join('; ')}` };
  if (unseen.length > 0)
    return { type, status: 'Unknown', reason: 'NotObserved', message: `not looked at: ${unseen.join(', ')}` };
  return { type, status: 'True', reason: 'Listed', message: 'every repository could be listed' };
}

/** Standbys and clones are not built by this version: whether a declared one is in step is not known. */
function standbyInSync({ restoreTargets = [] }: ConditionInput): Condition {
  const type = 'StandbyInSync';
  return restoreTargets.length === 0
    ? { type, status: 'True', reason: 'NoneDeclared', message: 'no restore target of this site is looked after' }
    : {
        type,
        status: 'Unknown',
        reason: 'NotSupported',
        message: `this version does not look after restore targets yet: ${restoreTargets.join(', ')}`,
      };
}

function restoreVerified({ desired, observed, now }: ConditionInput): Condition {
  const type = 'RestoreVerified';
  const within = desired.policy.objectives.provenWithin;
  const newest = newestProof(observed);
  const last = newest ? `the last proof is of ${formatInstant(newest.at)}` : 'no restore was ever proven';
  if (within === undefined) {
    return { type, status: 'True', reason: 'NotRequired', message: `the policy asks for no proof; ${last}` };
  }
  if (newest && newest.at >= now - within) return { type, status: 'True', reason: 'Proven', message: last };
  const unknown = desired.repositories.some((name) => observed.repositories.get(name)?.kind !== 'known');
  if (unknown)
    return {
      type,
      status: 'Unknown',
      reason: 'NotObserved',
      message: `${last} in the repositories that could be listed`,
    };
  const message = `${last}; the policy asks for one every ${formatDuration(within)}`;
  return { type, status: 'False', reason: newest ? 'ProofTooOld' : 'NeverProven', message };
}

/** The newest proof in the repositories that could be listed. */
export function newestProof(observed: ObservedSite): StoredProof | undefined {
  let newest: StoredProof | undefined;
  for (const observation of observed.repositories.values()) {
    if (observation.kind !== 'known') continue;
    for (const proof of observation.value.proofs) if (!newest || proof.at > newest.at) newest = proof;
  }
  return newest;
}
