import { isFailure } from '../domain/failure.ts';
import type { CommandContext } from './context.ts';
import { loadDesiredQuickly, selectSite } from './load-desired.ts';
import type { DeclareCommand } from './run-program.ts';
import { splitOpened } from './site-repositories.ts';
import { explainOnlyExits } from './usage.ts';

interface FetchOptions {
  readonly site?: string;
}

export const declareWalFetch: DeclareCommand = (parent, context, run) => {
  const command = parent
    .command('fetch')
    .description("brings a WAL file: restore_command = 'hoard -f /etc/hoard/policies wal fetch %f %p'")
    .argument('<name>', "the file, as PostgreSQL's %f")
    .argument('<destination>', "where to put it, as PostgreSQL's %p")
    .option('--site <name>', 'may be left out where only one is declared')
    .action((name: string, destination: string, options: FetchOptions) =>
      run(fetch(context, name, destination, options)),
    );
  explainOnlyExits(command, [
    ['0', 'a verified file is in place'],
    ['1', 'every repository was read and none has it; for a standby, which asks again, also any other failure'],
    ['255', 'any other failure: it stops a recovery that would otherwise end early and lose commits'],
  ]);
};

async function fetch(
  context: CommandContext,
  name: string,
  destination: string,
  options: FetchOptions,
): Promise<number> {
  const desired = await loadDesiredQuickly(context);
  const site = await selectSite(desired, options.site);
  const [{ openSite }, { fetchWalFile }] = await Promise.all([
    import('../reconcile/open-site.ts'),
    import('../wal/fetch.ts'),
  ]);
  await using opened = await openSite(site, desired, context);
  const { usable, failures } = splitOpened(opened);
  const [unopened] = failures;
  const { workingDirectory, effects } = context;
  const result = await fetchWalFile({ name, destination, repositories: usable, workingDirectory, effects });
  const isNowhere =
    result.kind === 'not-found' || (result.kind === 'failed' && isFailure(result.failure, 'wal.missing'));
  // A repository that could not be opened may have it, or be the one that knows the site.
  if (isNowhere && unopened !== undefined) throw unopened;
  if (result.kind === 'failed') throw result.failure;
  return result.exitStatus;
}
