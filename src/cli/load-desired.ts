import { join } from 'node:path';
import type { Desired, DesiredSite, SiteName } from '../domain/desired.ts';
import { Failure } from '../domain/failure.ts';
import type { LoadedPolicies } from '../policy/load-policies.ts';
import type { CommandContext } from './context.ts';

/** The declared state. What is wrong with it goes to standard error; throws `policy.invalid` where any of it is an error. */
export async function loadDesired(context: CommandContext): Promise<Desired> {
  const { loadPolicies } = await import('../policy/load-policies.ts');
  return requireDesired(context, await loadPolicies(context.globals().policies));
}

/** The same for the commands that PostgreSQL runs for every segment: unchanged policies are not checked again. */
export async function loadDesiredQuickly(context: CommandContext): Promise<Desired> {
  const { loadPoliciesCached } = await import('../policy/desired-cache.ts');
  const cache = { directory: join(context.cacheDirectory, 'policies'), version: context.toolVersion };
  return requireDesired(context, await loadPoliciesCached(context.globals().policies, cache));
}

async function requireDesired(
  context: CommandContext,
  { desired, diagnostics }: Pick<LoadedPolicies, 'desired' | 'diagnostics'>,
): Promise<Desired> {
  if (desired !== undefined) return desired;
  const { renderDiagnostics } = await import('../report/diagnostics.ts');
  context.output.message(renderDiagnostics(diagnostics));
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  throw new Failure('policy.invalid', {
    message: `the policies in ${context.globals().policies} have ${errors === 1 ? '1 error' : `${errors} errors`}`,
    hint: 'hoard validate shows errors and warnings',
  });
}

/** The site by that name, or the only one where no name is given. Throws `usage.invalid`. */
export async function selectSite(desired: Desired, name: string | undefined): Promise<DesiredSite> {
  const sites = [...desired.sites.values()];
  const [only, ...more] = sites;
  if (name === undefined) {
    if (only !== undefined && more.length === 0) return only;
    throw new Failure('usage.invalid', {
      message: only === undefined ? 'the policies declare no site' : `the policies declare ${sites.length} sites`,
      hint: only === undefined ? 'declare a document of kind Site' : `name one of ${listed(sites)}`,
    });
  }
  return desired.sites.get(name as SiteName) ?? (await refuseUnknown('site', name, sites));
}

/** The sites by these names in the declared order; all where none is named. Throws `usage.invalid`. */
export async function selectSites(desired: Desired, names: readonly string[]): Promise<readonly DesiredSite[]> {
  for (const name of names) await selectSite(desired, name);
  return [...desired.sites.values()].filter((site) => names.length === 0 || names.includes(site.name));
}

/** Throws `usage.invalid` where no repository has that name. */
export async function requireRepository(desired: Desired, name: string): Promise<void> {
  const repositories = [...desired.repositories.values()];
  if (!repositories.some((each) => each.name === name)) await refuseUnknown('repository', name, repositories);
}

async function refuseUnknown(what: string, name: string, known: readonly { readonly name: string }[]): Promise<never> {
  const { nearest } = await import('../policy/nearest.ts');
  const near = nearest(
    name,
    known.map((each) => each.name),
  );
  throw new Failure('usage.invalid', {
    message: `there is no ${what} "${name}"`,
    hint: near === undefined ? `there is ${listed(known)}` : `did you mean ${near}?`,
  });
}

const listed = (known: readonly { readonly name: string }[]): string =>
  known.length === 0 ? 'none' : known.map(({ name }) => name).join(', ');
