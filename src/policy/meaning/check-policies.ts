import { parseBytes } from '../../domain/bytes.ts';
import { formatDuration } from '../../domain/duration.ts';
import type { Report } from '../finding.ts';
import type { PolicyDocument } from '../structure/policy-document.ts';
import { ofKind, type PolicySet, reportAt } from './policy-set.ts';
import { longestPause, scheduleAt } from './read-schedule.ts';
import { countAt, durationAt, parsedAt, textAt } from './values.ts';

/** Rules of one policy that contradict each other. */
export function checkPolicyRules(set: PolicySet, report: Report): void {
  for (const policy of ofKind(set, 'Policy')) {
    checkCounts(policy, report);
    checkWithoutWal(policy, report);
    checkPause(policy, report);
  }
}

const COUNTS = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'];

function checkCounts(policy: PolicyDocument, report: Report): void {
  const maximum = countAt(policy, ['spec', 'retention', 'maximum']);
  if (maximum === undefined) return;
  const rules = [['minimum'], ...COUNTS.map((name) => ['keep', name])];
  for (const rule of rules) {
    const count = countAt(policy, ['spec', 'retention', ...rule]);
    if (count === undefined || count <= maximum) continue;
    reportAt(report, policy, ['spec', 'retention', 'maximum'], 'HRD026', {
      message: `retention.maximum is ${maximum}, but retention.${rule.join('.')} wants ${count} backups`,
      hint: `raise maximum to at least ${count}, or lower ${rule.join('.')}`,
    });
    return;
  }
}

/** Without archived WAL only the ends of backups can be restored. */
function checkWithoutWal(policy: PolicyDocument, report: Report): void {
  if (textAt(policy, ['spec', 'wal', 'method']) !== 'none') return;
  if (durationAt(policy, ['spec', 'retention', 'window']) !== undefined) {
    reportAt(report, policy, ['spec', 'retention', 'window'], 'HRD028', {
      message:
        'a window promises every moment in it, but with wal.method none only the backups themselves can be restored',
      hint: 'archive WAL, or say which backups to keep: keep: { within: … }',
    });
  }
  const rpo = durationAt(policy, ['spec', 'objectives', 'rpo']);
  if (rpo === undefined) return;
  const schedule = scheduleAt(policy, ['spec', 'backup', 'schedule']);
  const pause = schedule ? longestPause(schedule) : undefined;
  if (pause !== undefined && pause <= rpo) return;
  reportAt(report, policy, ['spec', 'objectives', 'rpo'], 'HRD028', {
    message: `with wal.method none up to ${pause === undefined ? 'everything' : formatDuration(pause)} is lost, more than the objective of ${formatDuration(rpo)}`,
    hint: 'archive WAL, or take backups at least this often',
  });
}

function checkPause(policy: PolicyDocument, report: Report): void {
  const free = parsedAt(policy, ['spec', 'wal', 'pauseBelow', 'free'], parseBytes);
  const resumeAt = parsedAt(policy, ['spec', 'wal', 'pauseBelow', 'resumeAt'], parseBytes);
  if (free === undefined || resumeAt === undefined || resumeAt >= free) return;
  reportAt(report, policy, ['spec', 'wal', 'pauseBelow', 'resumeAt'], 'HRD031', {
    message: 'wal.pauseBelow.resumeAt is less than free, so that WAL would pause and go on at the same time',
    hint: 'set resumeAt above free',
  });
}
