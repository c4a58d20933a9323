/**
 * How an error is to be treated:
 * - `transient`: the same call may succeed later without anybody doing anything (network, busy server); back off and retry
 * - `waiting`: nothing is wrong, but the thing is not there yet (WAL not archived yet, lease held); try again at a time
 * - `terminal`: retrying is useless until a person or another process changes something (corrupt object, wrong cluster)
 * - `user`: the caller asked for something that cannot be done as asked (wrong flag, invalid policy)
 * - `bug`: an invariant of the program does not hold
 */
export type FailureClass = 'transient' | 'waiting' | 'terminal' | 'user' | 'bug';

/** What process exit status a failure becomes; one place, so that documents and code agree. */
export const EXIT = {
  done: 0,
  failed: 1,
  changesPending: 2,
  partlyDone: 3,
  refused: 4,
  stalePlan: 5,
  invalidPolicies: 10,
  leaseHeld: 11,
  credentials: 12,
  usage: 64,
  interrupted: 130,
  terminated: 143,
} as const;

export interface FailureDetails {
  /** One sentence in lower case without a trailing stop that says what happened, with names and numbers. */
  readonly message: string;
  /** One sentence that says what to do next. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * The program's only error type. `code` is stable and documented in docs/errors.md; `class` decides whether anybody retries.
 * Errors of libraries are wrapped at the edge with `cause` kept, never re-thrown bare.
 */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly class: FailureClass;
  readonly hint: string | undefined;

  constructor(code: FailureCode, details: FailureDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'Failure';
    this.code = code;
    this.class = FAILURES[code].class;
    this.hint = details.hint;
  }

  get exitStatus(): number {
    return FAILURES[this.code].exit;
  }
}

/** True for a Failure with one of the given codes. */
export function isFailure(error: unknown, ...codes: readonly FailureCode[]): error is Failure {
  return error instanceof Failure && (codes.length === 0 || codes.includes(error.code));
}

interface FailureKind {
  readonly class: FailureClass;
  readonly exit: number;
  /** What an operator reads in the reference. */
  readonly meaning: string;
}

const kind = (cls: FailureClass, exit: number, meaning: string): FailureKind => ({ class: cls, exit, meaning });

/** The closed registry of failures. */
export const FAILURES = {
  'usage.invalid': kind('user', EXIT.usage, 'a flag or argument is missing, unknown or malformed'),
  'policy.invalid': kind('user', EXIT.invalidPolicies, 'the policies do not validate; the diagnostics say where'),
  'policy.unsupported': kind('user', EXIT.failed, 'the policy declares something that this version cannot do yet'),
  'secret.unavailable': kind(
    'terminal',
    EXIT.credentials,
    'a secret reference (environment, file, command) gave nothing',
  ),
  'value.invalid': kind('user', EXIT.usage, 'a value (LSN, segment name, duration, size, time) cannot be parsed'),

  'store.absent': kind(
    'terminal',
    EXIT.failed,
    'there is no store at the place: a missing or bare directory (an unmounted disk looks so), no such bucket',
  ),
  'store.not-found': kind('terminal', EXIT.failed, 'the object does not exist, said by a store that answered'),
  'store.exists': kind('terminal', EXIT.failed, 'a conditional create found the name taken'),
  'store.changed': kind('transient', EXIT.failed, 'a conditional replace found another version of the object'),
  'store.denied': kind('terminal', EXIT.credentials, 'the store refused the credentials or the permission'),
  'store.unavailable': kind('transient', EXIT.failed, 'the store could not be reached or broke off'),
  'store.throttled': kind('transient', EXIT.failed, 'the store asked to be called less often (429, 503 SlowDown)'),
  'store.rejected': kind(
    'terminal',
    EXIT.failed,
    'the store refused a request as wrong or too large; it would refuse it again',
  ),
  'store.full': kind('terminal', EXIT.failed, 'no space is left where the store or spool writes'),
  'store.incomplete': kind('transient', EXIT.failed, 'a body was shorter or longer than announced'),

  'object.corrupt': kind(
    'terminal',
    EXIT.failed,
    'a stored object does not have the content that its name, manifest or marker promises',
  ),
  'object.unverifiable': kind(
    'terminal',
    EXIT.failed,
    'nothing that is kept here says whether a stored object is whole',
  ),
  'object.untrusted': kind(
    'terminal',
    EXIT.failed,
    'a stored object bears no valid signature of a trusted signer; somebody else may have written it',
  ),
  'key.unusable': kind(
    'terminal',
    EXIT.credentials,
    'a declared OpenPGP key cannot be read, has expired, was revoked, or cannot do what it is declared for',
  ),
  'key.missing': kind(
    'terminal',
    EXIT.credentials,
    'an object is encrypted, and no private key that opens it is declared here',
  ),
  'key.passphrase': kind(
    'terminal',
    EXIT.credentials,
    'a private key is locked, and the passphrase is wrong or none is declared',
  ),
  'repository.foreign': kind(
    'terminal',
    EXIT.failed,
    'the location holds something that is not a hoard repository of a known version',
  ),

  'postgres.unreachable': kind('transient', EXIT.failed, 'no connection of the site could be opened'),
  'postgres.rejected': kind('terminal', EXIT.credentials, 'PostgreSQL refused the user, password or database'),
  'postgres.query': kind('terminal', EXIT.failed, 'PostgreSQL answered a command with an error'),
  'postgres.broken': kind('transient', EXIT.failed, 'the connection broke in the middle of an exchange'),
  'postgres.misconfigured': kind(
    'terminal',
    EXIT.failed,
    'a server setting makes the work impossible; the hint names it',
  ),
  'postgres.unsupported': kind('terminal', EXIT.failed, 'this PostgreSQL version is not supported'),
  'postgres.format': kind('terminal', EXIT.failed, 'a file or message of PostgreSQL does not have the documented form'),

  'site.foreign-cluster': kind(
    'terminal',
    EXIT.failed,
    'the system identifier is not the one that this site belongs to',
  ),
  'wal.file': kind('terminal', EXIT.failed, 'a WAL file on this host cannot be read or written, or is no regular file'),
  'wal.mismatch': kind('terminal', EXIT.failed, 'the content of a WAL file does not fit its name'),
  'wal.conflict': kind('terminal', EXIT.failed, 'the repository already holds other content under this WAL name'),
  'wal.not-found': kind('terminal', EXIT.failed, 'every readable repository says that there is no such WAL file'),
  'wal.missing': kind('waiting', EXIT.failed, 'WAL that is needed has not been archived (yet)'),

  'backup.not-found': kind('user', EXIT.failed, 'no backup has this id'),
  'backup.failed': kind('terminal', EXIT.failed, 'the backup could not be completed; nothing of it counts'),

  'restore.target-unreachable': kind('user', EXIT.refused, 'no stored backup and WAL lead to the wanted target'),
  'restore.destination': kind(
    'user',
    EXIT.refused,
    'the destination directory is not empty and not an earlier restore of this site',
  ),
  'restore.failed': kind(
    'terminal',
    EXIT.failed,
    'the restore could not be completed; the directory cannot be started',
  ),

  'plan.refused': kind('user', EXIT.refused, 'a guard or a missing approval stops the action'),
  'plan.stale': kind('user', EXIT.stalePlan, 'the world has changed since the plan was saved'),
  'plan.partly-done': kind('terminal', EXIT.partlyDone, 'some actions were done and recorded, others failed'),
  'lease.held': kind('waiting', EXIT.leaseHeld, 'another hoard works on this site and repository'),
  'lease.lost': kind('transient', EXIT.leaseHeld, 'the lease expired or was taken over while work was going on'),
  interrupted: kind('transient', EXIT.interrupted, 'the work was stopped by a signal'),
  bug: kind('bug', EXIT.failed, 'an invariant of hoard does not hold; please report it'),
} as const satisfies Record<string, FailureKind>;

export type FailureCode = keyof typeof FAILURES;

/** Closes an exhaustive switch: a new member of the union fails to compile where this is called. */
export function unreachable(value: never): never {
  throw new Failure('bug', { message: `unexpected value ${JSON.stringify(value)}` });
}
