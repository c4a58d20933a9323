import type { Command } from 'commander';
import type { FleetSelection } from '../reconcile/plan-fleet.ts';
import type { CommandContext } from './context.ts';
import { loadDesired, requireRepository, selectSites } from './load-desired.ts';

export interface FleetOptions {
  readonly site?: readonly string[];
  readonly repository?: string;
  readonly createRepository?: readonly string[];
}

/** The options of commands that look at a fleet. */
export function fleetOptions(command: Command): Command {
  return command
    .option('--site <name>', 'only this site (repeatable)', collect)
    .option('--repository <name>', 'only this repository')
    .option(
      '--create-repository <name>',
      'this repository is new, although its place looks like an unmounted disk (repeatable)',
      collect,
    );
}

/** For options that may be given several times. */
export const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];

/** Loads the policies and takes what the options name. */
export async function selectFleet(context: CommandContext, options: FleetOptions): Promise<FleetSelection> {
  const desired = await loadDesired(context);
  const { repository, createRepository: created = [] } = options;
  for (const name of repository === undefined ? created : [...created, repository])
    await requireRepository(desired, name);
  return {
    desired,
    sites: await selectSites(desired, options.site ?? []),
    wanted: (name) => repository === undefined || name === repository,
    absence: (name) => (created.includes(name) ? 'new' : 'look'),
  };
}
