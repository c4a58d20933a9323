import type { RepositoryName } from '../domain/desired.ts';
import { Failure, isFailure } from '../domain/failure.ts';
import type {
  Observation,
  ObservedCluster,
  ObservedHost,
  ObservedRepository,
  ObservedSite,
} from '../domain/observed.ts';
import { observeCluster } from '../postgres/observe-cluster.ts';
import { observeRepository } from '../repository/observe-repository.ts';
import { canBeMade, isPlainlyNew } from '../storage/new-store.ts';
import { observeHost } from './observe-host.ts';
import type { OpenedRepository, OpenedSite, SiteContext } from './open-site.ts';

/**
 * What it means that a repository is not there. `new`: somebody has said that it is to be made. `look`: it is to be made where that is
 * plain, else unknown. `unknown`: nobody is about to make one, so nothing is known of it.
 */
export type AbsenceRule = (name: RepositoryName) => 'new' | 'look' | 'unknown';

export interface SiteObservation {
  readonly observed: ObservedSite;
  /** Repositories that are not there yet and may be made: observed as empty. */
  readonly toCreate: ReadonlySet<RepositoryName>;
}

/**
 * Looks at the cluster, then at every repository side by side: what the cluster says is archived must be in a listing that began later.
 * The data directory on this host is looked at before the listings, too. What cannot be looked at becomes `unknown`
 * with the reason; only an abort and a bug throw.
 */
export async function observeSite(
  opened: OpenedSite,
  context: SiteContext,
  absence: AbsenceRule,
): Promise<SiteObservation> {
  const { site } = opened;
  const [cluster, host] = await Promise.all([
    observe<ObservedCluster>(context, () => observeCluster(site, context)),
    observeHostOf(opened, context),
  ]);
  const { repositories, toCreate } = await observeRepositories(opened, context, absence);
  return { observed: { site: site.name, cluster, host, repositories }, toCreate };
}

/** The repositories alone. */
export async function observeRepositories(
  { repositories }: OpenedSite,
  context: SiteContext,
  absence: AbsenceRule,
): Promise<Pick<SiteObservation, 'toCreate'> & Pick<ObservedSite, 'repositories'>> {
  const toCreate = new Set<RepositoryName>();
  const observations = await Promise.all(
    [...repositories].map(async ([name, repository]) => {
      const observation = await observe<ObservedRepository>(context, async () => {
        const looked = await lookInto(repository, context, absence(name));
        if (looked === 'new') toCreate.add(name);
        return looked === 'new' ? NOTHING_STORED : looked;
      });
      return [name, observation] as const;
    }),
  );
  return { repositories: new Map(observations), toCreate };
}

/** One repository again, for a decision under its lease. Throws what an observation would make `unknown`. */
export async function observeOpened(repository: OpenedRepository, signal: AbortSignal): Promise<ObservedRepository> {
  if (repository.opened instanceof Failure) throw repository.opened;
  return observeRepository(repository.opened, signal);
}

async function lookInto(
  repository: OpenedRepository,
  { effects }: SiteContext,
  absence: ReturnType<AbsenceRule>,
): Promise<ObservedRepository | 'new'> {
  try {
    return await observeOpened(repository, effects.signal);
  } catch (error) {
    if (!isFailure(error, 'store.absent') || !canBeMade(repository.desired)) throw error;
    if (absence === 'new') return 'new';
    if (absence === 'unknown') throw error;
    if (await isPlainlyNew(repository.desired)) return 'new';
    throw new Failure('store.absent', {
      message: error.message,
      hint: `mount the disk where one is missing; where this is a new repository: hoard apply --create-repository ${repository.desired.name}`,
      cause: error,
    });
  }
}

const NOTHING_STORED: ObservedRepository = {
  identity: undefined,
  backups: [],
  unreadableBackups: [],
  wal: new Map(),
  histories: new Map(),
  otherWalFiles: new Set(),
  walRecipients: [],
  packs: [],
  strays: [],
  holds: [],
  proofs: [],
};

async function observeHostOf(
  { site }: OpenedSite,
  { effects }: SiteContext,
): Promise<Observation<ObservedHost> | undefined> {
  return site.dataDirectory === undefined ? undefined : observeHost(site.dataDirectory, effects.clock.now());
}

async function observe<T>({ effects }: SiteContext, look: () => Promise<T>): Promise<Observation<T>> {
  const { clock, signal } = effects;
  try {
    return { kind: 'known', value: await look(), at: clock.now() };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Failure) || error.class === 'bug') throw error;
    const reason = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
    return { kind: 'unknown', reason, at: clock.now() };
  }
}
