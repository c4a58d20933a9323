import { EXIT, type Failure } from './failure.ts';

/** One thing that `hoard check` tried. */
export interface CheckStep {
  /** A stable name: `write`, `list`, `archive-mode`, … */
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failed';
  /** What was found, with numbers. */
  readonly message: string;
  /** What to do, with the exact setting where there is one. */
  readonly hint: string | undefined;
  /** Where it failed: the code of the failure. */
  readonly code: Failure['code'] | undefined;
  readonly exitStatus: number;
}

/** All steps on one repository, or on one connection of a site. */
export interface CheckedSubject {
  readonly kind: 'repository' | 'connection';
  /** Of the repository or the site. */
  readonly name: string;
  /** Type and place, without any secret. */
  readonly where: string;
  readonly steps: readonly CheckStep[];
}

export function passed(name: string, message: string): CheckStep {
  return { name, state: 'ok', message, hint: undefined, code: undefined, exitStatus: EXIT.done };
}

export function warned(name: string, message: string, hint?: string): CheckStep {
  return { name, state: 'warning', message, hint, code: undefined, exitStatus: EXIT.done };
}

export function failed(name: string, failure: Failure): CheckStep {
  const { message, hint, code, exitStatus } = failure;
  return { name, state: 'failed', message, hint, code, exitStatus };
}

/** Refused credentials count more than any other failure: they are what a person must change first. */
export function checkExit(subjects: readonly CheckedSubject[]): number {
  const broken = subjects.flatMap(({ steps }) => steps).filter(({ state }) => state === 'failed');
  if (broken.length === 0) return EXIT.done;
  return broken.some(({ exitStatus }) => exitStatus === EXIT.credentials) ? EXIT.credentials : EXIT.failed;
}
