import { checkExit } from '../domain/check.ts';
import { EXIT } from '../domain/failure.ts';
import type { CommandContext } from './context.ts';
import { collect } from './fleet-options.ts';
import { outputFormat } from './global-options.ts';
import { loadDesired, requireRepository, selectSites } from './load-desired.ts';
import type { DeclareCommand } from './run-program.ts';
import { explainExits } from './usage.ts';

interface CheckOptions {
  readonly site?: readonly string[];
  readonly repository?: string;
}

export const declareCheck: DeclareCommand = (parent, context, run) => {
  const command = parent
    .command('check')
    .description(
      'proves every declared repository by writing, reading, listing and deleting a probe, and every connection by using it',
    )
    .option('--site <name>', 'only this site and its repositories (repeatable)', collect)
    .option('--repository <name>', 'only this repository')
    .action((options: CheckOptions) => run(check(context, options)));
  explainExits(command, {
    [EXIT.done]: 'nothing failed; there may be warnings',
    [EXIT.failed]: 'something failed',
    [EXIT.credentials]: 'a store, a server or a secret refused its credentials',
  });
};

async function check(context: CommandContext, { site = [], repository }: CheckOptions): Promise<number> {
  const format = outputFormat(context, ['human', 'json']);
  const desired = await loadDesired(context);
  if (repository !== undefined) await requireRepository(desired, repository);
  const sites = await selectSites(desired, site);
  const [{ checkFleet, selectChecks }, { renderCheckDocument }] = await Promise.all([
    import('../reconcile/check-fleet.ts'),
    import('../report/check-json.ts'),
  ]);
  const checked = await checkFleet(selectChecks(desired, sites, { site: site.length > 0, repository }), context);
  const document = renderCheckDocument(checked);
  if (format === 'json') {
    await context.output.document(document);
  } else {
    const { renderCheckHuman } = await import('../report/check-human.ts');
    await context.output.result(renderCheckHuman(document, { color: context.terminal.color }));
  }
  return checkExit(checked);
}
