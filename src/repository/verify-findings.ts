import { Failure, isFailure } from '../domain/failure.ts';
import type { VerifyFinding } from '../domain/verification.ts';

/** More than a person reads; a lost disk damages every object, and they may be millions. */
const MAX_FINDINGS = 100;

/** What keeps this hoard, here, from opening an object that may well be whole. */
const UNOPENED = [
  'key.missing',
  'key.passphrase',
  'key.unusable',
  'secret.unavailable',
  'policy.unsupported',
  'repository.foreign',
] as const;

/** Collects what a verification finds, so that it goes on behind the first damage. */
export class VerifyFindings {
  readonly #kept: VerifyFinding[] = [];
  #leftOut = 0;
  #damaged = false;

  /** Throws what says nothing of the object: a store that does not answer, an abort. */
  take(key: string, error: unknown): void {
    if (isFailure(error, 'object.corrupt', 'object.untrusted', 'wal.conflict', 'wal.missing')) {
      this.#add({ kind: 'damaged', key, message: error.message, code: error.code });
    } else if (isFailure(error, 'store.not-found')) {
      this.#add({ kind: 'damaged', key, message: `${key} is missing`, code: error.code });
    } else if (isFailure(error, ...UNOPENED)) {
      this.#add({ kind: 'unverifiable', key, message: error.message, code: error.code });
    } else {
      throw error;
    }
  }

  damaged(key: string, message: string): void {
    this.take(key, new Failure('object.corrupt', { message }));
  }

  unverifiable(key: string, message: string): void {
    this.#add({ kind: 'unverifiable', key, message, code: 'object.unverifiable' });
  }

  get any(): boolean {
    return this.#kept.length > 0;
  }

  result(): { readonly findings: readonly VerifyFinding[]; readonly findingsLeftOut: number } {
    return { findings: this.#kept, findingsLeftOut: this.#leftOut };
  }

  #add(finding: VerifyFinding): void {
    if (this.#kept.length < MAX_FINDINGS) {
      this.#kept.push(finding);
      this.#damaged ||= finding.kind === 'damaged';
      return;
    }
    this.#leftOut += 1;
    // Damage is what the verdict hangs on: it is never what is left out.
    if (finding.kind !== 'damaged' || this.#damaged) return;
    this.#kept[MAX_FINDINGS - 1] = finding;
    this.#damaged = true;
  }
}
