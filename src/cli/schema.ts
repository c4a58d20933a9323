import type { CommandContext } from './context.ts';
import type { DeclareCommand } from './run-program.ts';
import { explainExits } from './usage.ts';

/** All kinds of policies in one: what editors are given. */
const WHOLE = 'hoard';

export const declareSchema: DeclareCommand = (parent, context, run) => {
  const command = parent
    .command('schema')
    .description(
      'prints a JSON Schema: of one kind of policy, of a result (plan, status, …), or of all policies in one',
    )
    .argument('[kind]', 'for example Site, RestoreTarget or plan; left out: all policies')
    .action((kind: string | undefined) => run(printSchema(context, kind ?? WHOLE)));
  explainExits(command);
};

async function printSchema(context: CommandContext, kind: string): Promise<number> {
  const { readSchema } = await import('../policy/read-schema.ts');
  await context.output.result(readSchema(kind));
  return 0;
}
