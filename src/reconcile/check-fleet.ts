import { type CheckedSubject, type CheckStep, failed, passed, warned } from '../domain/check.ts';
import type { Desired, DesiredRepository, DesiredSite } from '../domain/desired.ts';
import { Failure, isFailure } from '../domain/failure.ts';
import { checkConnection } from '../postgres/check-connection.ts';
import { checkRepository } from '../repository/identity.ts';
import { mapBounded } from '../storage/bounded.ts';
import { isPlainlyNew } from '../storage/new-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { openStore } from '../storage/open-store.ts';
import { probeStore } from '../storage/probe-store.ts';
import { checkKeys } from './check-keys.ts';
import type { SiteContext } from './open-site.ts';

const CHECKED_AT_ONCE = 4;

/** Proves the repositories, their keys and the connections by using them. Never throws for what is wrong with one: its steps say so. */
export async function checkFleet(
  what: { readonly repositories: readonly DesiredRepository[]; readonly sites: readonly DesiredSite[] },
  context: SiteContext,
): Promise<readonly CheckedSubject[]> {
  const works = [
    ...what.repositories.map((repository) => () => checkOne(repository, context)),
    ...what.sites.flatMap((site) => site.connections.map((connection) => () => checkSite(site, connection, context))),
  ];
  return mapBounded(works, CHECKED_AT_ONCE, context.effects.signal, (work) => work());
}

async function checkSite(
  site: DesiredSite,
  connection: DesiredSite['connections'][number],
  context: SiteContext,
): Promise<CheckedSubject> {
  const { where, steps } = await checkConnection(connection, site.policy.wal, context);
  return { kind: 'connection', name: site.name, where, steps };
}

async function checkOne(repository: DesiredRepository, context: SiteContext): Promise<CheckedSubject> {
  const subject = { kind: 'repository', name: repository.name } as const;
  const keys = await checkKeys(repository, context);
  let store: ObjectStore;
  try {
    store = await openStore(repository, { ...context.effects, secrets: context.secrets });
  } catch (error) {
    return {
      ...subject,
      where: repository.storage.type,
      steps: [failed('open', failureOf(error, context)), ...keys],
    };
  }
  try {
    const steps = await checkStore(repository, store, context);
    return { ...subject, where: store.description, steps: [...steps, ...keys] };
  } finally {
    await store.close();
  }
}

async function checkStore(
  repository: DesiredRepository,
  store: ObjectStore,
  context: SiteContext,
): Promise<readonly CheckStep[]> {
  const { clock, random, signal } = context.effects;
  const format = await checkFormat(repository, store, context);
  // What is somebody else's is not written into; what is not there cannot be.
  if (format.state !== 'ok' && format.code !== 'store.denied') return [format];
  return [format, ...(await probeStore({ store, clock, random, signal }))];
}

async function checkFormat(
  repository: DesiredRepository,
  store: ObjectStore,
  context: SiteContext,
): Promise<CheckStep> {
  try {
    const there = await checkRepository({ name: repository.name, store }, context.effects.signal);
    return passed(
      'format',
      there ? 'a hoard repository of a known version' : 'no hoard repository yet: hoard apply makes it',
    );
  } catch (error) {
    const failure = failureOf(error, context);
    if (!isFailure(failure, 'store.absent')) return failed('format', failure);
    if (await isPlainlyNew(repository)) return warned('format', 'it is not there yet', 'hoard apply makes it');
    return failed(
      'format',
      new Failure('store.absent', { message: failure.message, hint: howToMake(repository, failure), cause: failure }),
    );
  }
}

function howToMake({ name, storage }: DesiredRepository, failure: Failure): string {
  if (storage.type === 'local' || storage.type === 'sftp')
    return `mount the disk where one is missing; where this is a new repository: hoard apply --create-repository ${name}`;
  return failure.hint ?? 'make the bucket or container with the tools of its store: hoard never does';
}

function failureOf(error: unknown, { effects }: SiteContext): Failure {
  effects.signal.throwIfAborted();
  if (error instanceof Failure && error.class !== 'bug') return error;
  throw error;
}

/** What of the policies is looked at: repositories that a selected site uses, and where no site is named, those that none uses, too. */
export function selectChecks(
  desired: Desired,
  sites: readonly DesiredSite[],
  named: { readonly site: boolean; readonly repository: string | undefined },
): Parameters<typeof checkFleet>[0] {
  const repositories = [...desired.repositories.values()].filter(
    ({ name }) =>
      (named.repository === undefined || name === named.repository) &&
      (!named.site || sites.some((site) => site.repositories.includes(name))),
  );
  // Whoever names a repository alone wants to know of that.
  return { repositories, sites: named.repository !== undefined && !named.site ? [] : sites };
}
