import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { durationOf } from '../domain/duration.ts';
import { errorCode } from '../domain/error-code.ts';
import { EXIT, Failure } from '../domain/failure.ts';
import { instant } from '../domain/instant.ts';
import type { Plan } from '../domain/plan.ts';
import type { CommandContext } from './context.ts';
import { type FleetOptions, fleetOptions, selectFleet } from './fleet-options.ts';
import { outputFormat } from './global-options.ts';
import type { DeclareCommand } from './run-program.ts';
import { explainExits, explainFormats } from './usage.ts';

// Long enough for a review and a merge; the digests of the actions, not the clock, are what keeps an old plan from doing harm.
const GOOD_FOR = durationOf(24 * 3_600_000);

const FORMATS = ['human', 'json', 'markdown'] as const;

interface PlanOptions extends FleetOptions {
  readonly out?: string;
  readonly detailedExitcode?: true;
}

export const declarePlan: DeclareCommand = (parent, context, run) => {
  const command: Command = parent
    .command('plan')
    .description(
      'shows what is declared and not so yet: actions with reasons, and the recovery window before and after',
    )
    .option('--out <file>', 'save the plan as JSON, for hoard apply FILE')
    .option(
      '--detailed-exitcode',
      'end with 2 where there is work to do, blocked or not, and with 1 where that is unclear',
    );
  fleetOptions(command).action((options: PlanOptions) => run(plan(context, options)));
  explainFormats(command, FORMATS);
  explainExits(command, { [EXIT.changesPending]: 'work is to be done (with --detailed-exitcode)' });
};

async function plan(context: CommandContext, options: PlanOptions): Promise<number> {
  const format = outputFormat(context, FORMATS);
  const { planFleet } = await import('../reconcile/plan-fleet.ts');
  await using fleet = await planFleet(await selectFleet(context, options), context);
  const { plan } = fleet;
  const document = await planDocument(plan, context.toolVersion);
  if (options.out !== undefined) await save(options.out, context.output.redacted(document));
  switch (format) {
    case 'json':
      await context.output.document(document);
      break;
    case 'markdown': {
      const { renderPlanMarkdown } = await import('../report/plan-markdown.ts');
      await context.output.result(renderPlanMarkdown(plan, { marker: context.globals().policies }));
      break;
    }
    case 'human': {
      const { renderPlanHuman } = await import('../report/plan-human.ts');
      const { color } = context.terminal;
      await context.output.result(
        renderPlanHuman(plan, { color, next: { command: commandPrefix(context), savedAs: options.out } }),
      );
      break;
    }
  }
  return options.detailedExitcode === true ? detailedStatus(plan) : EXIT.done;
}

/** 2 where anything is to be done, whether it is blocked or not; 1 where nothing is known to be, but not everything could be seen. */
function detailedStatus({ actions, sites }: Plan): number {
  if (actions.length > 0) return EXIT.changesPending;
  return sites.every(({ converged }) => converged) ? EXIT.done : EXIT.failed;
}

async function planDocument(plan: Plan, hoardVersion: string) {
  const [{ renderPlanDocument }, { inputsDigest }] = await Promise.all([
    import('../report/plan-json.ts'),
    import('../reconcile/digest.ts'),
  ]);
  return renderPlanDocument(plan, {
    notAfter: instant(plan.createdAt + GOOD_FOR),
    hoardVersion,
    digestOf: inputsDigest,
  });
}

async function save(file: string, document: unknown): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(document, null, 2)}\n`);
  } catch (error) {
    const code = errorCode(error) ?? 'unknown error';
    throw new Failure('usage.invalid', { message: `the plan cannot be written to ${file} (${code})`, cause: error });
  }
}

/** How hoard was called, for commands that are proposed: with the policies where they are not the usual ones. */
function commandPrefix(context: CommandContext): string {
  const { policies } = context.globals();
  return policies === 'policies' ? 'hoard' : `hoard -f ${policies}`;
}
