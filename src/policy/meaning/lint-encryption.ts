import type { Report } from '../finding.ts';
import type { PolicyDocument } from '../structure/policy-document.ts';
import { ofKind, type PolicySet, reportAt } from './policy-set.ts';
import { storagePlace } from './storage-place.ts';
import { valueAt } from './values.ts';

const SIGNING = ['spec', 'encryption', 'signing'];
const PASSPHRASE = ['spec', 'encryption', 'passphrase'];

/** Keys that are declared and do not do what they seem to do. */
export function lintEncryption(set: PolicySet, report: Report): void {
  const repositories = ofKind(set, 'Repository');
  for (const repository of repositories) {
    if (valueAt(repository, SIGNING) !== undefined && !isVerified(repository, repositories)) {
      reportAt(report, repository, SIGNING, 'HRD109', {
        message: 'what is stored is signed, and nobody checks the signatures',
        hint: 'add encryption.trustedSigners with the public keys of those who sign',
        at: 'key',
      });
    }
    const hasKey = valueAt(repository, ['spec', 'encryption', 'privateKey']) !== undefined;
    if (valueAt(repository, PASSPHRASE) !== undefined && !hasKey) {
      reportAt(report, repository, PASSPHRASE, 'HRD110', {
        message: 'the passphrase opens encryption.privateKey, which is not declared',
        hint: 'declare the private key where restores run, or remove the passphrase; that of a signing key belongs below encryption.signing',
        at: 'key',
      });
    }
  }
}

/** Restores may have a Repository of their own for the same place. */
function isVerified(repository: PolicyDocument, all: readonly PolicyDocument[]): boolean {
  const place = storagePlace(repository);
  return all.some(
    (each) =>
      (each === repository || (place !== undefined && storagePlace(each) === place)) &&
      valueAt(each, ['spec', 'encryption', 'trustedSigners']) !== undefined,
  );
}
