import { resolve } from 'node:path';
import type { DesiredSite } from '../domain/desired.ts';
import { EXIT } from '../domain/failure.ts';
import type { RestoreView } from '../report/restore-json.ts';
import type { CommandContext } from './context.ts';
import { outputFormat } from './global-options.ts';
import { loadDesired, requireRepository, selectSite } from './load-desired.ts';
import { type RestoreOptions, restoreOptions, restoreRequest } from './restore-options.ts';
import type { DeclareCommand } from './run-program.ts';
import { splitOpened } from './site-repositories.ts';
import { explainExits } from './usage.ts';

export const declareRestore: DeclareCommand = (parent, context, run) => {
  const command = parent
    .command('restore')
    .description('restores a backup into a directory from which PostgreSQL recovers to the wanted target')
    .argument('[site]', 'may be left out where only one is declared');
  restoreOptions(command).action((site: string | undefined, options: RestoreOptions) =>
    run(restore(context, site, options)),
  );
  explainExits(command, {
    [EXIT.refused]: 'refused before anything was written: the target cannot be reached, or the directory is not empty',
  });
};

async function restore(context: CommandContext, name: string | undefined, options: RestoreOptions): Promise<number> {
  const format = outputFormat(context, ['human', 'json']);
  const request = restoreRequest(options);
  const desired = await loadDesired(context);
  const site = await selectSite(desired, name);
  const only = options.repository;
  if (only !== undefined) await requireRepository(desired, only);

  const [{ openSite }, { observeRepositories }, { planRestore }, { describeTarget }] = await Promise.all([
    import('../reconcile/open-site.ts'),
    import('../reconcile/observe-site.ts'),
    import('../restore/preflight.ts'),
    import('../restore/target-unreachable.ts'),
  ]);
  await using opened = await openSite(site, desired, context, (each) => only === undefined || each === only);
  const { repositories } = await observeRepositories(opened, context, () => 'unknown');
  const sources = [...repositories].map(([repository, observation]) => ({ repository, observation }));
  const choice = planRestore(sources, request);
  const dataDirectory = resolve(context.workingDirectory, options.to);
  const checked: RestoreView = {
    site: site.name,
    choice,
    target: describeTarget(request.target),
    action: options.action,
    standby: options.standby === true,
    dataDirectory,
    outcome: undefined,
  };
  if (options.dryRun === true) {
    await print(context, format, checked);
    return EXIT.done;
  }

  const [{ executeRestore }, { observeOwner }] = await Promise.all([
    import('../restore/restore.ts'),
    import('../repository/lease-owner.ts'),
  ]);
  const outcome = await executeRestore({
    choice,
    repositories: splitOpened(opened).usable,
    dataDirectory,
    tablespaces: options.tablespace ?? new Map(),
    standby: checked.standby,
    settings: {
      action: options.action,
      restoreCommand: restoreCommand(context, site),
      archiveOff: !options.archive,
      more: new Map(),
    },
    owner: await observeOwner(context.processId),
    effects: context.effects,
  });
  await print(context, format, { ...checked, outcome });
  return EXIT.done;
}

/** The restored server starts it in its own directory, so everything in it is absolute. */
function restoreCommand({ launcher, globals, workingDirectory }: CommandContext, site: DesiredSite): readonly string[] {
  return [...launcher, '-f', resolve(workingDirectory, globals().policies), 'wal', 'fetch', '--site', site.name];
}

async function print(context: CommandContext, format: 'human' | 'json', view: RestoreView): Promise<void> {
  const { renderRestoreDocument } = await import('../report/restore-json.ts');
  const document = renderRestoreDocument(view);
  if (format === 'json') {
    await context.output.document(document);
    return;
  }
  const { renderRestoreHuman } = await import('../report/restore-human.ts');
  await context.output.result(renderRestoreHuman(document, { color: context.terminal.color }));
}
