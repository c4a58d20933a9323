import { EXIT } from '../domain/failure.ts';
import type { StoredSite } from '../reconcile/observe-stored.ts';
import type { WalView } from '../report/wal-json.ts';
import type { listWal as ListWal } from '../wal/list.ts';
import type { CommandContext } from './context.ts';
import { outputFormat } from './global-options.ts';
import type { DeclareCommand } from './run-program.ts';
import { observeSelected, type StoredOptions } from './stored-sites.ts';
import { explainExits } from './usage.ts';

export const declareWalList: DeclareCommand = (parent, context, run) => {
  const command = parent
    .command('list')
    .description('lists the stored WAL, and what is missing in between')
    .argument('[site]', 'left out: all sites')
    .option('--repository <name>', 'only this repository')
    .action((site: string | undefined, options: StoredOptions) => run(list(context, site, options)));
  explainExits(command, { [EXIT.partlyDone]: 'a repository could not be read; the others are listed' });
};

async function list(context: CommandContext, site: string | undefined, options: StoredOptions): Promise<number> {
  const format = outputFormat(context, ['human', 'json']);
  const { stored, status } = await observeSelected(context, site, options);
  const [{ listWal }, { renderWalDocument }] = await Promise.all([
    import('../wal/list.ts'),
    import('../report/wal-json.ts'),
  ]);
  const document = renderWalDocument(stored.map((each) => viewOf(each, listWal)));
  if (format === 'json') {
    await context.output.document(document);
  } else {
    const { renderWalHuman } = await import('../report/wal-human.ts');
    const now = context.effects.clock.now();
    await context.output.result(renderWalHuman(document, { color: context.terminal.color, now }));
  }
  return status;
}

function viewOf({ site, repository, observation }: StoredSite, listWal: typeof ListWal): WalView {
  if (observation.kind === 'unknown') return { kind: 'unknown', site, repository, reason: observation.reason };
  return { kind: 'known', site, repository, ...listWal(observation.value) };
}
