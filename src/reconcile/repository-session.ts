import type { RepositoryName } from '../domain/desired.ts';
import type { Duration } from '../domain/duration.ts';
import { Failure } from '../domain/failure.ts';
import type { ObservedRepository, ObservedSite } from '../domain/observed.ts';
import type { ActionOutcome } from '../domain/outcome.ts';
import type { PlannedAction } from '../domain/plan.ts';
import { takeAdvisoryLock } from '../postgres/advisory-lock.ts';
import { sitePrefix } from '../repository/layout.ts';
import { acquireLease, type Lease } from '../repository/lease.ts';
import type { LeaseOwner } from '../repository/lease-owner.ts';
import type { TakeServerLock } from '../repository/server-lease.ts';
import type { SiteRepository } from '../repository/site-repository.ts';
import { ABANDONED_AFTER } from '../storage/abandoned-uploads.ts';
import { createStore } from '../storage/open-store.ts';
import { executeAction } from './actions/execute-action.ts';
import { awaitsApprovalOnly } from './approval.ts';
import { inputsDigest } from './digest.ts';
import { observeOpened } from './observe-site.ts';
import type { OpenedRepository, OpenedSite, SiteContext } from './open-site.ts';

export interface SessionArguments {
  readonly opened: OpenedSite;
  readonly repository: RepositoryName;
  /** The site as it was when the plan was made. */
  readonly planned: ObservedSite;
  /** The store is not there yet, and is to be made. */
  readonly create: boolean;
  /** Plans the site again, from an observation that is newer in this repository. */
  readonly replan: (observed: ObservedSite) => readonly PlannedAction[];
  readonly owner: LeaseOwner;
  readonly waitFor: Duration;
  readonly context: SiteContext;
}

/**
 * The work of one plan on one site in one repository, under its lease. The lease is taken when the first action comes; then the
 * repository is looked at and planned again, and only what comes out once more with the same digest is done. What this session has
 * added itself is looked at before anything is removed, too.
 */
export class RepositorySession implements AsyncDisposable {
  readonly #args: SessionArguments;
  #lease: Lease | undefined;
  #checked: Checked | undefined;

  constructor(args: SessionArguments) {
    this.#args = args;
  }

  /** Never throws: the outcome says what happened. */
  async run(action: PlannedAction): Promise<ActionOutcome> {
    const { context } = this.#args;
    try {
      return await this.#run(action);
    } catch (error) {
      const failure = error instanceof Failure ? error : (context.effects.signal.reason ?? error);
      if (failure instanceof Failure) return { kind: 'failed', failure };
      const message = error instanceof Error ? error.message : String(error);
      return { kind: 'failed', failure: new Failure('bug', { message: `unexpected: ${message}`, cause: error }) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lease?.[Symbol.asyncDispose]();
  }

  async #run(action: PlannedAction): Promise<ActionOutcome> {
    const repository = this.#repository();
    if (repository.opened instanceof Failure) return { kind: 'failed', failure: repository.opened };
    const lease = (this.#lease ??= await this.#acquire(repository));
    lease.check();
    const stale = action.risk === 'destructive' && this.#checked?.addedSince === true;
    const checked = (this.#checked = stale || this.#checked === undefined ? await this.#check(lease) : this.#checked);
    const fresh = checked.actions.get(action.id);
    if (fresh === undefined) return { kind: 'vanished', because: 'no longer needed when looked at under the lease' };
    if (inputsDigest(fresh) !== inputsDigest(action) || !awaitsApprovalOnly(fresh)) {
      return { kind: 'changed', because: 'the repository changed after this was planned; it is planned anew' };
    }
    const { opened, context } = this.#args;
    const summary = await executeAction(action.work, {
      ...context,
      site: opened.site,
      repo: repository.opened,
      lease,
      observed: checked.observed,
    });
    if (action.risk === 'additive') this.#checked = { ...checked, addedSince: true };
    return { kind: 'done', summary };
  }

  async #acquire({ desired, opened }: OpenedRepository): Promise<Lease> {
    if (opened instanceof Failure) throw opened;
    const { create, context, owner, waitFor } = this.#args;
    const { reporter, signal } = context.effects;
    if (create) {
      await createStore(desired, { ...context.effects, secrets: context.secrets }, signal);
      reporter.report({
        kind: 'note',
        level: 'info',
        message: `made a new repository "${desired.name}": ${opened.store.description}`,
      });
    }
    const { connections } = this.#args.opened.site;
    const takeServerLock: TakeServerLock = (key, stop) =>
      takeAdvisoryLock(connections, key, { secrets: context.secrets, effects: { ...context.effects, signal: stop } });
    const lease = await acquireLease(opened, {
      owner,
      waitFor,
      signal,
      reporter,
      ...(connections.length === 0 ? {} : { takeServerLock }),
    });
    await this.#tidyUploads(opened, lease);
    return lease;
  }

  /** What uploads that never ended left in the store costs money and is in no listing. That it cannot be removed stops nothing. */
  async #tidyUploads({ name, site, store }: SiteRepository, lease: Lease): Promise<void> {
    const { clock, reporter } = this.#args.context.effects;
    try {
      const before = clock.now() - ABANDONED_AFTER;
      const count = await store.removeAbandonedUploads(sitePrefix(site), before, { signal: lease.signal });
      if (count === 0) return;
      const message = `repository "${name}": removed what ${count === 1 ? 'an abandoned upload' : `${count} abandoned uploads`} had left`;
      reporter.report({ kind: 'note', level: 'info', message });
    } catch (error) {
      lease.signal.throwIfAborted();
      if (!(error instanceof Failure) || error.class === 'bug') throw error;
      const message = `repository "${name}": abandoned uploads could not be removed: ${error.message}`;
      reporter.report({ kind: 'note', level: 'warning', message });
    }
  }

  async #check(lease: Lease): Promise<Checked> {
    const { planned, repository, replan, context } = this.#args;
    const observed = await observeOpened(this.#repository(), lease.signal);
    const observation = { kind: 'known', value: observed, at: context.effects.clock.now() } as const;
    const again: ObservedSite = {
      ...planned,
      repositories: new Map(planned.repositories).set(repository, observation),
    };
    const actions = replan(again).filter((action) => action.repository === repository);
    return { observed, actions: new Map(actions.map((action) => [action.id, action])), addedSince: false };
  }

  #repository(): OpenedRepository {
    const repository = this.#args.opened.repositories.get(this.#args.repository);
    if (repository) return repository;
    throw new Failure('bug', { message: `the plan names repository "${this.#args.repository}", which was not opened` });
  }
}

interface Checked {
  readonly observed: ObservedRepository;
  readonly actions: ReadonlyMap<string, PlannedAction>;
  /** This session has added something since. */
  readonly addedSince: boolean;
}
