import type { Report } from '../finding.ts';
import type { PolicyDocument } from '../structure/policy-document.ts';
import { findNamed, ofKind, type PolicySet, placeOf, reportAt } from './policy-set.ts';
import { storagePlace } from './storage-place.ts';
import { listAt, textAt } from './values.ts';

/** Copies that would lie on top of each other. */
export function checkPlaces(set: PolicySet, report: Report): void {
  for (const site of ofKind(set, 'Site')) checkRepositories(set, site, report);
  checkTargets(set, report);
}

function checkRepositories(set: PolicySet, site: PolicyDocument, report: Report): void {
  const seen = new Map<string, PolicyDocument>();
  for (const [index, name] of listAt(site, ['spec', 'repositories']).entries()) {
    const repository = typeof name === 'string' ? findNamed(set, 'Repository', name) : undefined;
    const place = repository ? storagePlace(repository) : undefined;
    if (!repository || place === undefined) continue;
    const other = seen.get(place);
    if (other && other !== repository) {
      reportAt(report, site, ['spec', 'repositories', index], 'HRD022', {
        message: `the repositories ${other.name} and ${repository.name} store in the same place`,
        hint: 'give one of them another storage or prefix, or list only one',
      });
    }
    seen.set(place, repository);
  }
}

function checkTargets(set: PolicySet, report: Report): void {
  const seen = new Map<string, PolicyDocument>();
  for (const target of ofKind(set, 'RestoreTarget')) {
    const host = textAt(target, ['spec', 'host']);
    const directory = textAt(target, ['spec', 'dataDirectory']);
    if (host === undefined || directory === undefined) continue;
    const key = JSON.stringify([host.toLowerCase(), directory.replace(/\/+$/, '')]);
    const other = seen.get(key);
    if (other) {
      reportAt(report, target, ['spec', 'dataDirectory'], 'HRD023', {
        message: `the restore target ${other.name ?? 'in'} (${placeOf(other)}) uses this directory of host ${host} too`,
        hint: 'give each restore target a directory of its own',
      });
    } else {
      seen.set(key, target);
    }
  }
}
