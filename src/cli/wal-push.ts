import { EXIT } from '../domain/failure.ts';
import type { CommandContext } from './context.ts';
import { loadDesiredQuickly, selectSite } from './load-desired.ts';
import type { DeclareCommand } from './run-program.ts';
import { splitOpened } from './site-repositories.ts';
import { explainOnlyExits } from './usage.ts';

interface PushOptions {
  readonly site?: string;
}

export const declareWalPush: DeclareCommand = (parent, context, run) => {
  const command = parent
    .command('push')
    .description("stores a WAL file: archive_command = 'hoard -f /etc/hoard/policies wal push %p'")
    .argument('<path>', "the file, as PostgreSQL's %p")
    .option('--site <name>', 'may be left out where only one is declared')
    .action((path: string, options: PushOptions) => run(push(context, path, options)));
  explainOnlyExits(command, [
    ['0', 'the file is durable in as many repositories as the policy requires'],
    [
      '1-125',
      'it is not; never more, which PostgreSQL takes for the end of its archiver and does not count as a failure',
    ],
  ]);
};

async function push(context: CommandContext, path: string, options: PushOptions): Promise<number> {
  const desired = await loadDesiredQuickly(context);
  const site = await selectSite(desired, options.site);
  const [{ openSite }, { pushWalFile }] = await Promise.all([
    import('../reconcile/open-site.ts'),
    import('../wal/push.ts'),
  ]);
  await using opened = await openSite(site, desired, context);
  const { usable, failures } = splitOpened(opened);
  // Counted over what is declared: a repository that cannot be opened is one in which the file is not durable.
  const { require: required } = site.policy.wal;
  const require = required === 'all' ? site.repositories.length : required;
  const [first] = failures;
  if (first !== undefined && usable.length < require) throw first;
  for (const failure of failures) context.output.message(`warning: ${failure.message}`);
  await pushWalFile({ path, repositories: usable, require, effects: context.effects });
  return EXIT.done;
}
