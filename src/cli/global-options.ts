import type { Command } from 'commander';
import { Failure } from '../domain/failure.ts';
import type { CommandContext } from './context.ts';

/** The options that stand before or after any command. */
export function declareGlobals(program: Command, environment: Readonly<Record<string, string | undefined>>): void {
  program
    .option(
      '-f, --policies <path>',
      'policy file or folder (or the environment HOARD_POLICIES)',
      environment['HOARD_POLICIES'] || 'policies',
    )
    .option('--output <format>', 'how the result is written: human, json, and what a command adds', 'human');
}

/** The wanted output format, where the command knows it. Throws `usage.invalid`. */
export function outputFormat<Format extends string>(context: CommandContext, known: readonly Format[]): Format {
  const wanted = context.globals().output;
  const format = known.find((each) => each === wanted);
  if (format !== undefined) return format;
  throw new Failure('usage.invalid', {
    message: `this command has no output format "${wanted}"`,
    hint: `it knows ${known.join(', ')}`,
  });
}
