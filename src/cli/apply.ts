import { readFile } from 'node:fs/promises';
import { parseDuration } from '../domain/duration.ts';
import { errorCode } from '../domain/error-code.ts';
import { EXIT, Failure } from '../domain/failure.ts';
import type { PlannedAction } from '../domain/plan.ts';
import type { SavedPlan } from '../reconcile/saved-plan.ts';
import type { CommandContext } from './context.ts';
import { type FleetOptions, fleetOptions, selectFleet } from './fleet-options.ts';
import { outputFormat } from './global-options.ts';
import type { DeclareCommand } from './run-program.ts';
import { explainExits } from './usage.ts';

interface ApplyOptions extends FleetOptions {
  readonly yes?: true;
  readonly wait: string;
}

export const declareApply: DeclareCommand = (parent, context, run) => {
  const command = parent
    .command('apply')
    .description(
      'closes the difference once; before anything is removed it asks on a terminal, and needs --yes elsewhere',
    )
    .argument('[plan]', 'a plan saved by hoard plan --out: only what it holds, and only as far as it still comes out')
    .option('--yes', 'remove without asking')
    .option('--wait <duration>', 'how long to wait for another hoard that works on the same site', '45s');
  fleetOptions(command).action((file: string | undefined, options: ApplyOptions) =>
    run(applyFleet(context, file, options)),
  );
  explainExits(command, {
    [EXIT.partlyDone]: 'partly done',
    [EXIT.refused]: 'something was refused: it needs approval, or a guard blocks it; the rest was done',
    [EXIT.stalePlan]: 'the saved plan is stale; nothing was done',
    [EXIT.leaseHeld]: 'another hoard works on the site',
  });
};

async function applyFleet(context: CommandContext, file: string | undefined, options: ApplyOptions): Promise<number> {
  const format = outputFormat(context, ['human', 'json']);
  const waitFor = parseDuration(options.wait);
  const selection = await selectFleet(context, options);
  const [{ apply }, { applyStatus }, { planFleet }, { observeOwner }, { renderPlanHuman }] = await Promise.all([
    import('../reconcile/apply.ts'),
    import('../reconcile/apply-status.ts'),
    import('../reconcile/plan-fleet.ts'),
    import('../repository/lease-owner.ts'),
    import('../report/plan-human.ts'),
  ]);
  const saved = file === undefined ? undefined : await readSaved(context, file);
  const { effects, output, terminal } = context;
  const startedAt = effects.clock.now();
  const result = await apply({
    planFleet: () => planFleet(selection, context),
    saved,
    announce: (plan) =>
      output.message(renderPlanHuman(plan, { color: terminal.interactive && terminal.color, next: undefined })),
    approve: async (actions) =>
      options.yes === true || (terminal.interactive && (await terminal.confirm(question(actions)))),
    owner: await observeOwner(context.processId),
    waitFor,
    context,
  });
  const status = applyStatus(result);
  if (format === 'json') {
    const { renderApplyDocument } = await import('../report/apply-json.ts');
    await output.document(
      renderApplyDocument({
        ...result,
        notes: [...result.notes, ...result.unobserved],
        startedAt,
        endedAt: effects.clock.now(),
        status,
      }),
    );
  } else {
    const { renderApplyHuman } = await import('../report/apply-human.ts');
    await output.result(renderApplyHuman(result, { color: terminal.color }));
  }
  effects.signal.throwIfAborted();
  return status;
}

async function readSaved(context: CommandContext, file: string): Promise<SavedPlan> {
  const { readSavedPlan } = await import('../reconcile/saved-plan.ts');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = errorCode(error) ?? 'unknown error';
    throw new Failure('usage.invalid', {
      message: `the plan ${file} cannot be read (${code})`,
      hint: 'write one with hoard plan --out FILE',
      cause: error,
    });
  }
  return readSavedPlan(text, file, context.effects.clock.now());
}

function question(actions: readonly PlannedAction[]): string {
  const removals = actions.filter(({ risk }) => risk === 'destructive').length;
  return removals === actions.length
    ? `Do ${removals === 1 ? 'this removal' : `these ${removals} removals`}?`
    : `Do these ${actions.length} actions, of which ${removals} remove something?`;
}
