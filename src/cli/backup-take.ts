import { bytesOf } from '../domain/bytes.ts';
import type { DesiredSite, RepositoryName } from '../domain/desired.ts';
import { parseDuration } from '../domain/duration.ts';
import { EXIT } from '../domain/failure.ts';
import type { ExecutedAction } from '../domain/outcome.ts';
import type { PlannedAction } from '../domain/plan.ts';
import type { CommandContext } from './context.ts';
import { outputFormat } from './global-options.ts';
import { loadDesired, requireRepository, selectSite } from './load-desired.ts';
import type { DeclareCommand } from './run-program.ts';
import { explainExits } from './usage.ts';

interface TakeOptions {
  readonly repository?: string;
  readonly createRepository?: true;
  readonly wait: string;
}

export const declareBackupTake: DeclareCommand = (parent, context, run) => {
  const command = parent
    .command('take')
    .description('takes a backup now, due or not')
    .argument('[site]', 'may be left out where only one is declared')
    .option('--repository <name>', 'only into this repository; left out: into all of the site')
    .option('--create-repository', 'the repository is new, although its place looks like an unmounted disk')
    .option('--wait <duration>', 'how long to wait for another hoard that works on the same site', '45s')
    .action((site: string | undefined, options: TakeOptions) => run(take(context, site, options)));
  explainExits(command, {
    [EXIT.partlyDone]: 'taken into some repositories only',
    [EXIT.leaseHeld]: 'another hoard works on the site',
  });
};

async function take(context: CommandContext, name: string | undefined, options: TakeOptions): Promise<number> {
  const format = outputFormat(context, ['human', 'json']);
  const waitFor = parseDuration(options.wait);
  const desired = await loadDesired(context);
  const site = await selectSite(desired, name);
  if (options.repository !== undefined) await requireRepository(desired, options.repository);
  const wanted = (each: RepositoryName): boolean => options.repository === undefined || each === options.repository;
  const actions = site.repositories.filter(wanted).map((repository) => requestedBackup(site, repository));

  const [{ openSite }, { observeSite }, { executePlan }, { observeOwner }, { applyStatus }] = await Promise.all([
    import('../reconcile/open-site.ts'),
    import('../reconcile/observe-site.ts'),
    import('../reconcile/execute-plan.ts'),
    import('../repository/lease-owner.ts'),
    import('../reconcile/apply-status.ts'),
  ]);
  const startedAt = context.effects.clock.now();
  await using opened = await openSite(site, desired, context, wanted);
  const observation = await observeSite(opened, context, () => (options.createRepository === true ? 'new' : 'look'));
  const executed = await executePlan({
    actions,
    verdictOn: () => undefined,
    sites: new Map([[site.name, { site, opened, observation, replan: () => actions }]]),
    owner: await observeOwner(context.processId),
    waitFor,
    context,
  });
  const status = applyStatus({ executed, unobserved: [] });
  await print(context, format, { executed, startedAt, status });
  context.effects.signal.throwIfAborted();
  return status;
}

async function print(
  context: CommandContext,
  format: 'human' | 'json',
  result: {
    readonly executed: readonly ExecutedAction[];
    readonly startedAt: ReturnType<typeof context.effects.clock.now>;
    readonly status: number;
  },
): Promise<void> {
  if (format === 'json') {
    const { renderApplyDocument } = await import('../report/apply-json.ts');
    await context.output.document(renderApplyDocument({ ...result, notes: [], endedAt: context.effects.clock.now() }));
    return;
  }
  const { renderApplyHuman } = await import('../report/apply-human.ts');
  await context.output.result(
    renderApplyHuman({ ...result, notes: [], unobserved: [] }, { color: context.terminal.color }),
  );
}

function requestedBackup(site: DesiredSite, repository: RepositoryName): PlannedAction {
  return {
    id: `backup.take:${site.name}:${repository}:requested`,
    site: site.name,
    repository,
    target: 'a backup',
    risk: 'additive',
    reasonCode: 'backup-requested',
    reason: 'somebody asked for it',
    estimate: { bytes: bytesOf(0), requests: 0 },
    dependsOn: [],
    blockedBy: [],
    inputs: '',
    work: { kind: 'backup.take', slot: undefined },
  };
}
