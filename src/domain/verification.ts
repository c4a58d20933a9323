import type { RepositoryName, SiteName } from './desired.ts';
import { EXIT, FAILURES, type FailureCode } from './failure.ts';
import type { BackupId } from './observed.ts';

/** One thing that is not as it should be, or that could not be looked at. */
export interface VerifyFinding {
  /** `unverifiable`: nothing speaks for it and nothing against it. */
  readonly kind: 'damaged' | 'unverifiable';
  /** Of the object. */
  readonly key: string;
  readonly message: string;
  readonly code: FailureCode;
}

/** The WAL files that make a backup consistent; none where it carries them among its own. */
export interface VerifiedWal {
  readonly needed: number;
  readonly there: number;
  /** Their stored bytes, by the SHA-256 at their end, or their content. */
  readonly verified: number;
  readonly opened: number;
}

/** What was read of one backup in one repository, and what was found. */
export interface VerifiedBackup {
  readonly encrypted: boolean;
  /** Whether the content was opened, or why not; `failed`: it was tried, and findings say what was in the way. */
  readonly content: 'opened' | 'no-private-key' | 'not-asked' | 'failed';
  /** Objects whose stored bytes have the SHA-256 that the repository keeps of them. */
  readonly stored: { readonly objects: number; readonly bytes: number };
  /** Files and chunks that were opened, with their plain bytes. */
  readonly opened: { readonly files: number; readonly chunks: number; readonly bytes: number };
  readonly wal: VerifiedWal;
  /** The first of them. */
  readonly findings: readonly VerifyFinding[];
  /** How many more there were. */
  readonly findingsLeftOut: number;
  /** What is no fault and yet worth knowing. */
  readonly notes: readonly string[];
}

/** One repository that holds the backup. */
export interface VerifiedRepository {
  readonly site: SiteName;
  readonly repository: RepositoryName;
  readonly backup: BackupId;
  /** Text: why it could not be read to its end. */
  readonly outcome: VerifiedBackup | string;
}

export type VerifyState = 'whole' | 'damaged' | 'unverifiable' | 'unreadable';

export function verifyState({ outcome }: VerifiedRepository): VerifyState {
  if (typeof outcome === 'string') return 'unreadable';
  if (outcome.findings.some(({ kind }) => kind === 'damaged')) return 'damaged';
  return outcome.findings.length > 0 ? 'unverifiable' : 'whole';
}

/** Damage counts more than a key that is refused, and that more than a repository that could not be read. */
export function verifyExit(verified: readonly VerifiedRepository[], unreadable: boolean): number {
  const states = verified.map(verifyState);
  if (states.includes('damaged')) return EXIT.failed;
  if (states.includes('unverifiable')) {
    const codes = verified.flatMap(({ outcome }) => (typeof outcome === 'string' ? [] : outcome.findings));
    return codes.some(({ code }) => FAILURES[code].exit === EXIT.credentials) ? EXIT.credentials : EXIT.failed;
  }
  if (states.length > 0 && states.every((state) => state === 'unreadable')) return EXIT.failed;
  return unreadable || states.includes('unreadable') ? EXIT.partlyDone : EXIT.done;
}
