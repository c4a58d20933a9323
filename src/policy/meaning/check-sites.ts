import { parseInstant } from '../../domain/instant.ts';
import type { Report } from '../finding.ts';
import type { PolicyDocument } from '../structure/policy-document.ts';
import { quote } from '../structure/wording.ts';
import { findNamed, ofKind, type PolicySet, reportAt } from './policy-set.ts';
import { countAt, listAt, parsedAt, textAt, valueAt } from './values.ts';

/** What only the site and the policy together, or the target and its site, can get wrong. */
export function checkSites(set: PolicySet, report: Report): void {
  for (const site of ofKind(set, 'Site')) checkRequired(set, site, report);
  for (const target of ofKind(set, 'RestoreTarget')) {
    checkTime(target, report);
    checkReachable(set, target, report);
  }
  for (const daemon of ofKind(set, 'Daemon')) {
    for (const path of [
      ['spec', 'http', 'listen'],
      ['spec', 'log', 'syslog', 'address'],
    ])
      checkPort(daemon, path, report);
  }
}

function checkRequired(set: PolicySet, site: PolicyDocument, report: Report): void {
  const policy = findNamed(set, 'Policy', textAt(site, ['spec', 'policy']));
  const require = policy ? countAt(policy, ['spec', 'wal', 'require']) : undefined;
  const count = listAt(site, ['spec', 'repositories']).length;
  if (!policy || require === undefined || count === 0 || require <= count) return;
  reportAt(report, site, ['spec', 'repositories'], 'HRD027', {
    message: `the policy ${policy.name} demands WAL in ${require} repositories, but the site has ${count}`,
    hint: `list more repositories, or set wal.require to all or to at most ${count}`,
  });
}

function checkTime(target: PolicyDocument, report: Report): void {
  const path = ['spec', 'recovery', 'time'];
  const text = textAt(target, path);
  // What does not even look like a time was reported with the schema.
  if (text === undefined || !/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*([zZ]|[+-]\d\d(:?\d\d)?)$/.test(text)) return;
  if (parsedAt(target, path, parseInstant) !== undefined) return;
  reportAt(report, target, path, 'HRD009', {
    message: `there is no moment ${quote(text)}`,
    hint: 'check day, month and hour',
  });
}

const POINTS = ['time', 'lsn', 'xid', 'name'];

function checkReachable(set: PolicySet, target: PolicyDocument, report: Report): void {
  const site = findNamed(set, 'Site', textAt(target, ['spec', 'site']));
  const policy = site ? findNamed(set, 'Policy', textAt(site, ['spec', 'policy'])) : undefined;
  if (!site || !policy || textAt(policy, ['spec', 'wal', 'method']) !== 'none') return;
  const point = POINTS.find((key) => valueAt(target, ['spec', 'recovery', key]) !== undefined);
  if (point === undefined) return;
  reportAt(report, target, ['spec', 'recovery', point], 'HRD029', {
    message: `the site ${site.name} archives no WAL (wal.method none of policy ${policy.name}), so recovery cannot stop at a ${point}`,
    hint: 'archive WAL, or restore the end of a backup: recovery: { immediate: true }',
    at: 'key',
  });
}

function checkPort(daemon: PolicyDocument, path: readonly string[], report: Report): void {
  const text = textAt(daemon, path);
  const port = /:(\d{1,5})$/.exec(text ?? '')?.[1];
  if (port === undefined || text?.startsWith('/') === true || (Number(port) >= 1 && Number(port) <= 65_535)) return;
  reportAt(report, daemon, path, 'HRD009', {
    message: `${path.slice(1).join('.')}: there is no port ${port}`,
    hint: 'use a port from 1 to 65535',
  });
}
