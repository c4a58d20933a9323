import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { RepositoryName } from '../domain/desired.ts';
import { Failure, isFailure } from '../domain/failure.ts';
import { parseWalFileName, type WalFile } from '../domain/wal-file.ts';
import type { SiteRepository } from '../repository/site-repository.ts';
import type { Effects } from '../telemetry/effects.ts';
import { fetchFrom } from './fetch-from.ts';
import { ProgressDeadline } from './progress-deadline.ts';
import { raceAbort } from './race-abort.ts';
import { removeLeftovers } from './received-file.ts';

export interface FetchRequest {
  /** As restore_command's %f. */
  readonly name: string;
  /** As restore_command's %p; relative to the working directory. */
  readonly destination: string;
  /** All of the site's repositories, the preferred one first. */
  readonly repositories: readonly SiteRepository[];
  /** The data directory: where PostgreSQL starts restore_command. */
  readonly workingDirectory: string;
  readonly effects: Pick<Effects, 'clock' | 'reporter' | 'signal'>;
  /** How long to try again. Default: see RETRY_MILLISECONDS. */
  readonly retryMilliseconds?: number;
  /** How long nothing may move. Default one minute. */
  readonly stallMilliseconds?: number;
}

/** `exitStatus` is what restore_command must end with. */
export type FetchResult =
  | { readonly kind: 'fetched'; readonly exitStatus: 0; readonly repository: RepositoryName }
  | { readonly kind: 'not-found'; readonly exitStatus: 1 }
  | { readonly kind: 'failed'; readonly exitStatus: 1 | 255; readonly failure: Failure };

/**
 * During a recovery that ends by itself (recovery.signal) giving up stops the server, so a restart of the store or of the network should
 * pass within. A standby asks again every few seconds anyway, and meanwhile cannot look whether its primary has the WAL.
 */
const RETRY_MILLISECONDS = { recovery: 60_000, standby: 5000 } as const;
const STALL_MILLISECONDS = 60_000;
const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 5000;

/** What trying again does not change is tried twice: the first time may have met a damaged transfer. */
const ATTEMPTS_AT_HOPELESS = 2;

/**
 * Brings a WAL file to its destination, by what PostgreSQL makes of each exit status:
 *
 * - 0: a verified file was renamed into place.
 * - 1: every repository was read, at least one knows the site, and none has such a file: the end of the archive.
 * - 255, or 1 for a standby: anything else. PostgreSQL takes 1 to 125 for the end of the archive: a standby asks again, but a recovery would
 *   end there, and commits that are stored would be lost without an error. Above 125 it stops instead. A standby would stop too, so it gets 1.
 *
 * Never throws. Repositories are asked in their order; a damaged copy in one is replaced by that of another.
 */
export async function fetchWalFile(request: FetchRequest): Promise<FetchResult> {
  const { repositories, effects } = request;
  const standby = await isStandby(request.workingDirectory);
  const exitStatus = standby ? 1 : 255;
  const started = effects.clock.now();
  const retryFor = request.retryMilliseconds ?? RETRY_MILLISECONDS[standby ? 'standby' : 'recovery'];
  try {
    const file = parseWalFileName(request.name);
    const destination = resolve(request.workingDirectory, request.destination);
    await removeLeftovers(destination, started);
    for (let attempt = 1, pause = FIRST_PAUSE; ; attempt += 1, pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      const outcome = await tryAll(request, file, destination);
      if (outcome.kind === 'fetched') return { kind: 'fetched', exitStatus: 0, repository: outcome.repository };
      if (outcome.kind === 'absent') return { kind: 'not-found', exitStatus: 1 };
      const left = started + retryFor - effects.clock.now();
      const hopeless = attempt >= ATTEMPTS_AT_HOPELESS && outcome.failures.every(({ error }) => isHopeless(error));
      if (left <= 0 || hopeless) {
        return { kind: 'failed', exitStatus, failure: summary(file, outcome.failures, repositories.length) };
      }
      if (attempt === 1) tellWaiting(effects, file, outcome.failures);
      await effects.clock.sleep(Math.min(pause, left), effects.signal);
    }
  } catch (error) {
    const failure = isFailure(error)
      ? error
      : new Failure('interrupted', { message: `fetching ${request.name} was broken off`, cause: error });
    return { kind: 'failed', exitStatus, failure };
  }
}

interface RepositoryFailure {
  readonly repository: RepositoryName;
  readonly error: unknown;
}

type Attempt =
  | { readonly kind: 'fetched'; readonly repository: RepositoryName }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly failures: readonly RepositoryFailure[] };

async function tryAll(request: FetchRequest, file: WalFile, destination: string): Promise<Attempt> {
  const { effects } = request;
  const failures: RepositoryFailure[] = [];
  let knowsSite = false;
  for (const repo of request.repositories) {
    effects.signal.throwIfAborted();
    using deadline = new ProgressDeadline(
      effects.clock,
      request.stallMilliseconds ?? STALL_MILLISECONDS,
      effects.signal,
    );
    try {
      const outcome = await raceAbort(fetchFrom(repo, file, destination, deadline), deadline.signal);
      if (outcome.kind === 'fetched') return { kind: 'fetched', repository: repo.name };
      knowsSite ||= outcome.knowsSite;
    } catch (error) {
      effects.signal.throwIfAborted();
      failures.push({ repository: repo.name, error });
    }
  }
  if (failures.length > 0) return { kind: 'failed', failures };
  if (knowsSite) return { kind: 'absent' };
  throw new Failure('wal.missing', {
    message: `no repository knows the site "${request.repositories[0]?.site ?? ''}": ${file.name} is not looked for in the right place`,
    hint: 'check the name of the site and the locations of its repositories',
  });
}

/** PostgreSQL itself decides by these files which kind of recovery it does; standby.signal wins (xlogrecovery.c, readRecoverySignalFile). */
async function isStandby(workingDirectory: string): Promise<boolean> {
  return stat(join(workingDirectory, 'standby.signal')).then(
    () => true,
    () => false,
  );
}

const HOPELESS = [
  'object.corrupt',
  'object.untrusted',
  'key.missing',
  'key.passphrase',
  'key.unusable',
  'wal.conflict',
  'site.foreign-cluster',
  'policy.unsupported',
  'value.invalid',
] as const;

const isHopeless = (error: unknown): boolean => isFailure(error, ...HOPELESS);

function tellWaiting(effects: FetchRequest['effects'], file: WalFile, failures: readonly RepositoryFailure[]): void {
  const message = `trying again to fetch ${file.name}: ${describe(failures)}`;
  effects.reporter.report({ kind: 'waiting', task: `fetch:${file.name}`, message });
}

function summary(file: WalFile, failures: readonly RepositoryFailure[], repositories: number): Failure {
  const error = failures[0]?.error;
  const others = repositories - failures.length;
  const rest = others > 0 ? `; the other ${others} said that there is no such file, which proves nothing then` : '';
  const hint = isFailure(error) ? error.hint : undefined;
  return new Failure(isFailure(error) ? error.code : 'store.unavailable', {
    message: `${file.name} could not be fetched: ${describe(failures)}${rest}`,
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

function describe(failures: readonly RepositoryFailure[]): string {
  return failures
    .map(
      ({ repository, error }) =>
        `repository "${repository}": ${error instanceof Error ? error.message : String(error)}`,
    )
    .join('; ');
}
