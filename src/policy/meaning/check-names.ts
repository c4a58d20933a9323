import type { Report } from '../finding.ts';
import { nearest } from '../nearest.ts';
import type { PolicyKind } from '../schema-files.ts';
import type { Path, PolicyDocument } from '../structure/policy-document.ts';
import { kinds } from '../structure/shape.ts';
import { findNamed, ofKind, type PolicySet, placeOf, reportAt } from './policy-set.ts';
import { listAt, textAt } from './values.ts';

/** Names are unique per kind, and what is named exists. */
export function checkNames(set: PolicySet, report: Report): void {
  for (const kind of kinds()) checkDuplicates(set, kind, report);
  checkDaemons(set, report);
  for (const site of ofKind(set, 'Site')) {
    checkReference(set, 'Policy', site, ['spec', 'policy'], report);
    for (const index of listAt(site, ['spec', 'repositories']).keys()) {
      checkReference(set, 'Repository', site, ['spec', 'repositories', index], report);
    }
    checkMoves(set, site, report);
  }
  for (const target of ofKind(set, 'RestoreTarget')) {
    checkReference(set, 'Site', target, ['spec', 'site'], report);
    checkTargetRepositories(set, target, report);
  }
}

function checkDuplicates(set: PolicySet, kind: PolicyKind, report: Report): void {
  const first = new Map<string, PolicyDocument>();
  for (const document of ofKind(set, kind)) {
    if (document.name === undefined) continue;
    const earlier = first.get(document.name);
    if (earlier) {
      reportAt(report, document, ['metadata', 'name'], 'HRD020', {
        message: `there is another ${kind} named ${document.name} in ${placeOf(earlier)}`,
        hint: 'give one of the two another name, or remove it',
      });
    } else {
      first.set(document.name, document);
    }
  }
}

function checkDaemons(set: PolicySet, report: Report): void {
  const [first, ...others] = ofKind(set, 'Daemon');
  if (!first) return;
  for (const document of others.filter((other) => other.name !== first.name)) {
    reportAt(report, document, ['kind'], 'HRD030', {
      message: `there is another Daemon in ${placeOf(first)}`,
      hint: 'keep one',
    });
  }
}

function checkReference(set: PolicySet, kind: PolicyKind, document: PolicyDocument, path: Path, report: Report): void {
  const name = textAt(document, path);
  if (name === undefined || name === '' || set.incomplete || findNamed(set, kind, name)) return;
  const names = ofKind(set, kind).flatMap((other) => other.name ?? []);
  const meant = nearest(name, names);
  const hint =
    meant !== undefined
      ? `did you mean ${meant}?`
      : names.length === 0
        ? `declare a document of kind ${kind} with this name`
        : `there is: ${names.slice(0, 10).join(', ')}`;
  const other = kinds().find((candidate) => candidate !== kind && findNamed(set, candidate, name));
  const message = `there is no ${kind} named ${JSON.stringify(name.slice(0, 63))}${other === undefined ? '' : `, only a ${other}`}`;
  reportAt(report, document, path, 'HRD021', { message, hint });
}

function checkMoves(set: PolicySet, site: PolicyDocument, report: Report): void {
  for (const index of listAt(site, ['spec', 'movedFrom']).keys()) {
    const path = ['spec', 'movedFrom', index];
    const existing = findNamed(set, 'Site', textAt(site, path));
    if (!existing) continue;
    const message =
      existing === site
        ? 'a site cannot have moved from itself'
        : `the site ${existing.name} is still declared in ${placeOf(existing)}`;
    reportAt(report, site, path, 'HRD020', {
      message,
      hint: 'backups and WAL belong to one site: remove one of the two',
    });
  }
}

function checkTargetRepositories(set: PolicySet, target: PolicyDocument, report: Report): void {
  const site = findNamed(set, 'Site', textAt(target, ['spec', 'site']));
  for (const index of listAt(target, ['spec', 'repositories']).keys()) {
    const path = ['spec', 'repositories', index];
    checkReference(set, 'Repository', target, path, report);
    const name = textAt(target, path);
    if (!site || !findNamed(set, 'Repository', name)) continue;
    const used = listAt(site, ['spec', 'repositories']);
    if (used.includes(name)) continue;
    reportAt(report, target, path, 'HRD021', {
      message: `the site ${site.name} does not use the repository ${name}`,
      hint: `it uses ${used.filter((other) => typeof other === 'string').join(', ')}`,
    });
  }
}
