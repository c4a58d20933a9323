import { EXIT } from '../domain/failure.ts';
import type { CommandContext } from './context.ts';
import { outputFormat } from './global-options.ts';
import type { DeclareCommand } from './run-program.ts';
import { backupViews, observeSelected, type StoredOptions } from './stored-sites.ts';
import { explainExits } from './usage.ts';

export const declareBackupList: DeclareCommand = (parent, context, run) => {
  const command = parent
    .command('list')
    .description('lists the backups, newest first, and says of each whether it can be restored')
    .argument('[site]', 'left out: all sites')
    .option('--repository <name>', 'only this repository')
    .action((site: string | undefined, options: StoredOptions) => run(listBackups(context, site, options)));
  explainExits(command, { [EXIT.partlyDone]: 'a repository could not be read; the others are listed' });
};

async function listBackups(context: CommandContext, site: string | undefined, options: StoredOptions): Promise<number> {
  const format = outputFormat(context, ['human', 'json']);
  const { stored, status } = await observeSelected(context, site, options);
  const views = backupViews(stored);
  const { renderBackupsDocument } = await import('../report/backups-json.ts');
  const document = renderBackupsDocument(views);
  if (format === 'json') {
    await context.output.document(document);
    return status;
  }
  const { renderBackupsHuman } = await import('../report/backups-human.ts');
  const unreadable = views.flatMap(({ repository, observed }) =>
    observed.unreadableBackups.map(({ id, reason }) => ({ id, repository, reason })),
  );
  const now = context.effects.clock.now();
  await context.output.result(renderBackupsHuman(document.backups, { color: context.terminal.color, now, unreadable }));
  return status;
}
