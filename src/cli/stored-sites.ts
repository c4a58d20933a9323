import type { Desired, DesiredSite } from '../domain/desired.ts';
import { EXIT, Failure } from '../domain/failure.ts';
import type { ObservedRepository } from '../domain/observed.ts';
import { computeRecoveryWindow } from '../domain/recovery-window.ts';
import { DEFAULT_SEGMENT_SIZE } from '../domain/segment.ts';
import type { StoredSite } from '../reconcile/observe-stored.ts';
import type { BackupsView } from '../report/backups-json.ts';
import type { CommandContext } from './context.ts';
import { loadDesired, requireRepository, selectSites } from './load-desired.ts';

export interface StoredOptions {
  readonly repository?: string;
}

export interface ObservedSelection {
  readonly desired: Desired;
  readonly sites: readonly DesiredSite[];
  readonly stored: readonly StoredSite[];
  /** Which repositories could not be read, and why. */
  readonly unreadable: readonly string[];
}

export interface SelectedStored {
  readonly stored: readonly StoredSite[];
  /** 3 where a repository could not be read (it was named on standard error), else 0. */
  readonly status: number;
}

/** What the repositories hold of one site or all. Throws where none of them could be read. */
export async function observeSelected(
  context: CommandContext,
  site: string | undefined,
  options: StoredOptions,
): Promise<SelectedStored> {
  const { stored, unreadable } = await observeNamed(context, site, options);
  if (unreadable.length > 0 && unreadable.length === stored.length) {
    throw new Failure('store.unavailable', {
      message: unreadable.join('; '),
      hint: 'without it nothing is known about backups',
    });
  }
  for (const message of unreadable) context.output.message(`warning: ${message}`);
  return { stored, status: unreadable.length === 0 ? EXIT.done : EXIT.partlyDone };
}

/** The same, for what is worth something also where no repository could be read. */
export async function observeNamed(
  context: CommandContext,
  site: string | undefined,
  { repository }: StoredOptions,
): Promise<ObservedSelection> {
  const desired = await loadDesired(context);
  if (repository !== undefined) await requireRepository(desired, repository);
  const sites = await selectSites(desired, site === undefined ? [] : [site]);
  const { observeStored } = await import('../reconcile/observe-stored.ts');
  const stored = await observeStored(
    desired,
    sites,
    context,
    (name) => repository === undefined || name === repository,
  );
  const unreadable = stored.flatMap((each) =>
    each.observation.kind === 'unknown' ? [describeUnreadable(each, each.observation.reason)] : [],
  );
  return { desired, sites, stored, unreadable };
}

const describeUnreadable = ({ site, repository }: StoredSite, reason: string): string =>
  `repository "${repository}" of site "${site}" could not be read: ${reason}`;

/** The repositories that could be read, with what can be restored from each. */
export function backupViews(stored: readonly StoredSite[]): readonly BackupsView[] {
  return stored.flatMap(({ site, repository, observation }) => {
    if (observation.kind === 'unknown') return [];
    const observed = observation.value;
    return [{ site, repository, observed, window: computeRecoveryWindow(observed, sizeOf(observed)) }];
  });
}

/** Before anything is stored there is no segment whose size could matter. */
const sizeOf = ({ identity }: ObservedRepository) => identity?.segmentSize ?? DEFAULT_SEGMENT_SIZE;
