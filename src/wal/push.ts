import type { DesiredPolicy, RepositoryName } from '../domain/desired.ts';
import { Failure, isFailure } from '../domain/failure.ts';
import { claimIdentity } from '../repository/identity.ts';
import type { SiteRepository } from '../repository/site-repository.ts';
import { storeWal } from '../repository/wal-objects.ts';
import type { Effects } from '../telemetry/effects.ts';
import { ProgressDeadline } from './progress-deadline.ts';
import { raceAbort } from './race-abort.ts';
import { openWalSource, type WalSource } from './wal-source.ts';

export interface PushRequest {
  /** As archive_command's %p: `<data directory>/pg_wal/<file>`, absolute or relative to the working directory. */
  readonly path: string;
  /** All of the site's repositories. */
  readonly repositories: readonly SiteRepository[];
  /** In how many of them the file must be durable. */
  readonly require: DesiredPolicy['wal']['require'];
  readonly effects: Pick<Effects, 'clock' | 'reporter' | 'signal'>;
  /** How long nothing may move. Default one minute. */
  readonly stallMilliseconds?: number;
  /** How long to wait for the others once enough repositories have it. Default five seconds. */
  readonly laggardMilliseconds?: number;
}

export interface PushResult {
  /** Name of the WAL file. */
  readonly file: string;
  readonly sha256: string;
  readonly size: number;
  /** In the order of the repositories. */
  readonly outcomes: readonly PushOutcome[];
}

type PushOutcome =
  | { readonly kind: 'stored' | 'already-there'; readonly repository: RepositoryName }
  | { readonly kind: 'failed'; readonly repository: RepositoryName; readonly error: unknown };

const STALL_MILLISECONDS = 60_000;
const LAGGARD_MILLISECONDS = 5000;

/**
 * Stores one WAL file in all of the site's repositories at once. Resolves only when it is durable in as many as required; then
 * PostgreSQL may recycle it. Idempotent: a file that is there already with the same content counts as stored.
 *
 * Two clusters in one site, other content under the name, or a file that does not fit its name fail the push even where enough other
 * repositories have taken it: these are never a matter of patience. Failures keep their codes (`wal.*`, `site.foreign-cluster`, `store.*`).
 */
export async function pushWalFile(request: PushRequest): Promise<PushResult> {
  const { repositories, effects } = request;
  using deadline = new ProgressDeadline(effects.clock, request.stallMilliseconds ?? STALL_MILLISECONDS, effects.signal);
  const watch = (pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> => deadline.watching(pieces);
  await using source = await raceAbort(openWalSource(request.path, deadline.signal, watch), deadline.signal);
  deadline.touch();
  const needed = request.require === 'all' ? repositories.length : request.require;
  const outcomes = await pushEverywhere(request, source, needed, deadline);
  const failures = outcomes.filter((outcome) => outcome.kind === 'failed');
  const broken = failures.find(({ error }) => isFailure(error, 'wal.conflict', 'wal.mismatch', 'site.foreign-cluster'));
  const durable = outcomes.length - failures.length;
  if (broken || durable < Math.max(needed, 1)) throw failureOf(source, outcomes, broken ?? failures[0], needed);
  for (const { repository, error } of failures) {
    const message = `${source.file.name} was not stored in repository "${repository}": ${messageOf(error)}`;
    effects.reporter.report({ kind: 'note', level: 'warning', message });
  }
  return { file: source.file.name, sha256: source.sha256, size: source.size, outcomes };
}

async function pushEverywhere(
  request: PushRequest,
  source: WalSource,
  needed: number,
  deadline: ProgressDeadline,
): Promise<readonly PushOutcome[]> {
  const { repositories, effects } = request;
  const enough = new AbortController();
  const signal = AbortSignal.any([deadline.signal, enough.signal]);
  const ended = new AbortController();
  let durable = 0;
  const giveUpOnLaggards = async (): Promise<void> => {
    await effects.clock.sleep(request.laggardMilliseconds ?? LAGGARD_MILLISECONDS, ended.signal);
    enough.abort(
      new Failure('store.unavailable', { message: 'it took too long after enough other repositories had the file' }),
    );
  };
  const watched = { ...source, open: () => deadline.watching(source.open()) };
  const outcomes = Promise.all(
    repositories.map(async (repo): Promise<PushOutcome> => {
      try {
        // A store that does not obey its signal must not hang archive_command.
        const kind = await raceAbort(storeIn(repo, watched, deadline, signal), signal);
        durable += 1;
        if (durable === needed) giveUpOnLaggards().catch(() => undefined);
        return { kind, repository: repo.name };
      } catch (error) {
        return { kind: 'failed', repository: repo.name, error };
      }
    }),
  );
  try {
    return await outcomes;
  } finally {
    ended.abort();
  }
}

async function storeIn(
  repo: SiteRepository,
  source: Pick<WalSource, 'file' | 'identity' | 'sha256' | 'size' | 'open'>,
  deadline: ProgressDeadline,
  signal: AbortSignal,
): Promise<'stored' | 'already-there'> {
  await claimIdentity(repo, source.identity, signal);
  deadline.touch();
  return storeWal(repo, source.file, source, signal);
}

function failureOf(
  source: WalSource,
  outcomes: readonly PushOutcome[],
  worst: Extract<PushOutcome, { kind: 'failed' }> | undefined,
  needed: number,
): Failure {
  const durable = outcomes.filter(({ kind }) => kind !== 'failed').length;
  const error = worst?.error;
  const state = `${source.file.name} is durable in ${durable} of ${outcomes.length} ${outcomes.length === 1 ? 'repository' : 'repositories'}, ${needed} required`;
  const reason = worst === undefined ? '' : `; repository "${worst.repository}": ${messageOf(error)}`;
  const hint = isFailure(error) ? error.hint : undefined;
  return new Failure(isFailure(error) ? error.code : 'store.unavailable', {
    message: state + reason,
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
