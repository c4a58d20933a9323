import { EXIT } from '../domain/failure.ts';
import type { CommandContext } from './context.ts';
import { type FleetOptions, fleetOptions, selectFleet } from './fleet-options.ts';
import { outputFormat } from './global-options.ts';
import type { DeclareCommand } from './run-program.ts';
import { explainExits } from './usage.ts';

export const declareStatus: DeclareCommand = (parent, context, run) => {
  const command = parent
    .command('status')
    .description(
      'says of each site whether it is as declared, what can be restored, what would be lost, and what was proven',
    );
  fleetOptions(command).action((options: FleetOptions) => run(status(context, options)));
  explainExits(command, { [EXIT.done]: 'done, whatever the status is' });
};

async function status(context: CommandContext, options: FleetOptions): Promise<number> {
  const format = outputFormat(context, ['human', 'json']);
  const selection = await selectFleet(context, options);
  const [{ planFleet }, { renderStatusDocument }] = await Promise.all([
    import('../reconcile/plan-fleet.ts'),
    import('../report/status-json.ts'),
  ]);
  await using fleet = await planFleet(selection, context);
  const actions = Map.groupBy(fleet.plan.actions, ({ site }) => site);
  const sites = [...fleet.sites.values()].map(({ site, observation }) => ({
    site,
    observed: observation.observed,
    actions: actions.get(site.name) ?? [],
    notes: fleet.notes.get(site.name) ?? [],
    restoreTargets: [...selection.desired.restoreTargets.values()].flatMap((target) =>
      target.site === site.name ? [target.name] : [],
    ),
  }));
  const document = renderStatusDocument(sites, context.effects.clock.now());
  if (format === 'json') {
    await context.output.document(document);
  } else {
    const { renderStatusHuman } = await import('../report/status-human.ts');
    await context.output.result(renderStatusHuman(document, { color: context.terminal.color }));
  }
  return EXIT.done;
}
