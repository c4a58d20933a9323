import { EXIT, Failure } from '../domain/failure.ts';
import type { CommandContext } from './context.ts';
import { outputFormat } from './global-options.ts';
import type { DeclareCommand } from './run-program.ts';
import { backupViews, observeSelected, type StoredOptions } from './stored-sites.ts';
import { explainExits } from './usage.ts';

interface ShowOptions extends StoredOptions {
  readonly site?: string;
}

export const declareBackupShow: DeclareCommand = (parent, context, run) => {
  const command = parent
    .command('show')
    .description('shows everything about one backup, in each repository that holds it')
    .argument('<backup>', 'its id, or the beginning of it')
    .option('--site <name>', 'only of this site')
    .option('--repository <name>', 'only in this repository')
    .action((backup: string, options: ShowOptions) => run(showBackup(context, backup, options)));
  explainExits(command, { [EXIT.partlyDone]: 'a repository could not be read; the others were searched' });
};

async function showBackup(context: CommandContext, wanted: string, options: ShowOptions): Promise<number> {
  const format = outputFormat(context, ['human', 'json']);
  const { stored, status } = await observeSelected(context, options.site, options);
  const { renderBackupsDocument } = await import('../report/backups-json.ts');
  const document = renderBackupsDocument(backupViews(stored));
  const backups = document.backups.filter(({ id }) => id.startsWith(wanted));
  const ids = [...new Set(backups.map(({ id }) => id))];
  if (ids.length !== 1) {
    throw new Failure('backup.not-found', {
      message:
        ids.length === 0 ? `no backup has the id "${wanted}"` : `"${wanted}" begins the ids of ${ids.length} backups`,
      hint: ids.length === 0 ? 'hoard backup list shows the ids' : `write more of it: ${ids.join(', ')}`,
    });
  }
  if (format === 'json') {
    await context.output.document({ ...document, backups });
    return status;
  }
  const { renderBackupHuman } = await import('../report/backups-human.ts');
  const shown = { color: context.terminal.color, now: context.effects.clock.now() };
  await context.output.result(backups.map((backup) => renderBackupHuman(backup, shown)).join('\n'));
  return status;
}
