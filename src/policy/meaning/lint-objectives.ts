import type { Desired, DesiredPolicy, DesiredSite } from '../../domain/desired.ts';
import { type Duration, durationOf, formatDuration } from '../../domain/duration.ts';
import { toPolicy } from '../convert/to-policy.ts';
import type { Report } from '../finding.ts';
import type { Policy } from '../generated/documents.ts';
import type { PolicyDocument } from '../structure/policy-document.ts';
import { findNamed, ofKind, type PolicySet, reportAt } from './policy-set.ts';
import { longestPause } from './read-schedule.ts';

/** Promises that nothing makes come true, and promises that cost more than they seem to. */
export function lintObjectives(set: PolicySet, desired: Desired, report: Report): void {
  for (const document of ofKind(set, 'Policy')) {
    const declared = document.value as Policy;
    const policy = toPolicy(declared);
    lintRpo(document, policy, report);
    lintWindow(document, policy, report);
    lintPruning(document, declared, policy, report);
  }
  for (const site of desired.sites.values()) lintProof(set, desired, site, report);
}

// PostgreSQL documentation, "Continuous Archiving": archive_timeout of a minute or so is reasonable, much less bloats the archive.
const ARCHIVE_PACE = durationOf(60_000);

function lintWindow(document: PolicyDocument, policy: DesiredPolicy, report: Report): void {
  const { window, maximum } = policy.retention;
  const pause = policy.backup.schedule ? longestPause(policy.backup.schedule) : undefined;
  if (window !== undefined && policy.backup.schedule === undefined) {
    reportAt(report, document, ['spec', 'retention', 'window'], 'HRD103', {
      message: `a window of ${formatDuration(window)} is promised, but nothing says when backups are taken`,
      hint: 'add backup.schedule',
    });
  }
  if (window !== undefined && maximum !== undefined && pause !== undefined && (maximum - 1) * pause < window) {
    reportAt(report, document, ['spec', 'retention', 'maximum'], 'HRD102', {
      message: `${maximum} backups, up to ${formatDuration(pause)} apart, reach back ${formatDuration(durationOf((maximum - 1) * pause))}, less than the window of ${formatDuration(window)}`,
      hint: `raise maximum to at least ${Math.ceil(window / pause) + 1}, or shorten the window`,
    });
  }
  if (window !== undefined && pause !== undefined && pause > window) {
    reportAt(report, document, ['spec', 'retention', 'window'], 'HRD202', {
      message: `backups are up to ${formatDuration(pause)} apart, so up to ${formatDuration(durationOf(pause + window))} of WAL is kept for a window of ${formatDuration(window)}`,
      hint: 'take backups more often than the window is long',
    });
  }
}

function lintPruning(document: PolicyDocument, { spec }: Policy, policy: DesiredPolicy, report: Report): void {
  // `prune: never` is a decision; no rule at all is more often forgotten than decided.
  if (policy.retention.prune !== 'never' || spec.retention?.prune === 'never') return;
  const path = spec.retention === undefined ? ['spec'] : ['spec', 'retention'];
  reportAt(report, document, path, 'HRD201', {
    message: 'no retention rule is given, so that nothing is ever pruned',
    hint: 'add retention.window, keep or maximum; or say prune: never',
    at: 'key',
  });
}

function lintRpo(document: PolicyDocument, { wal, objectives }: DesiredPolicy, report: Report): void {
  const { rpo } = objectives;
  if (rpo === undefined) return;
  const pace: Duration | undefined =
    wal.method === 'stream' ? wal.partial : wal.method === 'none' ? undefined : ARCHIVE_PACE;
  if (pace === undefined || rpo >= pace) return;
  const [why, hint] =
    wal.method === 'stream'
      ? [`an unfinished segment is stored when it is ${formatDuration(pace)} old`, 'lower wal.partial']
      : [`with wal.method ${wal.method} only whole segments are stored`, 'use wal.method stream'];
  reportAt(report, document, ['spec', 'objectives', 'rpo'], 'HRD101', {
    message: `an objective of ${formatDuration(rpo)} cannot be relied on: ${why}`,
    hint,
  });
}

function lintProof(set: PolicySet, desired: Desired, site: DesiredSite, report: Report): void {
  const within = site.policy.objectives.provenWithin;
  const document = findNamed(set, 'Site', site.name);
  if (within === undefined || !document) return;
  const paces = [...desired.restoreTargets.values()].flatMap((target) =>
    target.role === 'drill' && target.site === site.name && target.schedule
      ? (longestPause(target.schedule) ?? [])
      : [],
  );
  if (paces.some((pace) => pace <= within)) return;
  const fastest = Math.min(...paces);
  reportAt(report, document, ['spec', 'policy'], 'HRD106', {
    message: Number.isFinite(fastest)
      ? `the policy ${site.policyName} wants a proof every ${formatDuration(within)}, but drills of ${site.name} are up to ${formatDuration(durationOf(fastest))} apart`
      : `the policy ${site.policyName} wants a proof every ${formatDuration(within)}, but no drill of ${site.name} has a schedule`,
    hint: 'declare a RestoreTarget with role drill and a schedule',
  });
}
