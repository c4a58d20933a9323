import { EXIT } from '../domain/failure.ts';
import { verifyExit } from '../domain/verification.ts';
import type { CommandContext } from './context.ts';
import { outputFormat } from './global-options.ts';
import { loadDesired, requireRepository, selectSites } from './load-desired.ts';
import type { DeclareCommand } from './run-program.ts';
import { explainExits } from './usage.ts';

interface VerifyOptions {
  readonly site?: string;
  readonly repository?: string;
  readonly stored?: true;
}

export const declareBackupVerify: DeclareCommand = (parent, context, run) => {
  const command = parent
    .command('verify')
    .description(
      'reads all of a backup, in each repository that holds it, and names everything that is damaged or missing; without a private key, the stored bytes of what is encrypted',
    )
    .argument('<backup>', 'its id, or the beginning of it')
    .option('--site <name>', 'only of this site')
    .option('--repository <name>', 'only in this repository')
    .option(
      '--stored',
      'only the stored bytes: nothing is decrypted, and decompressed only WAL, where it is not encrypted: its name holds the hash of its content',
    )
    .action((backup: string, options: VerifyOptions) => run(verify(context, backup, options)));
  explainExits(command, {
    [EXIT.done]: 'everything that was looked at is whole; the output says whether that was the content, too',
    [EXIT.failed]: 'something is damaged or missing, or cannot be verified',
    [EXIT.partlyDone]: 'a repository could not be read; in the others the backup is whole',
    [EXIT.credentials]: 'a private key that is declared cannot be used, or does not open the backup',
  });
};

async function verify(context: CommandContext, backup: string, options: VerifyOptions): Promise<number> {
  const format = outputFormat(context, ['human', 'json']);
  const desired = await loadDesired(context);
  if (options.repository !== undefined) await requireRepository(desired, options.repository);
  const sites = await selectSites(desired, options.site === undefined ? [] : [options.site]);
  const [{ verifyStoredBackup }, { renderVerifyDocument }] = await Promise.all([
    import('../reconcile/verify-stored-backup.ts'),
    import('../report/verify-json.ts'),
  ]);
  const found = await verifyStoredBackup(desired, sites, context, {
    backup,
    storedOnly: options.stored === true,
    wanted: (name) => options.repository === undefined || name === options.repository,
  });
  for (const message of found.unreadable) context.output.message(`warning: ${message}`);
  const document = renderVerifyDocument(found.backup, found.verified);
  if (format === 'json') {
    await context.output.document(document);
  } else {
    const { renderVerifyHuman } = await import('../report/verify-human.ts');
    await context.output.result(renderVerifyHuman(document, { color: context.terminal.color }));
  }
  return verifyExit(found.verified, found.unreadable.length > 0);
}
