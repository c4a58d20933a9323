import { type Argument, Command, type Option } from 'commander';
import { declareCommands } from '../src/cli/commands.ts';
import type { CommandContext } from '../src/cli/context.ts';
import { declareGlobals } from '../src/cli/global-options.ts';
import { exitsOf, formatsOf } from '../src/cli/usage.ts';
import { cell } from './markdown-cell.ts';

/** The reference of the command line, from the declarations that the program itself uses. */
export function commandsPage(): string {
  const program = new Command('hoard');
  declareGlobals(program, {});
  // Commands are declared without a look at their context; it is for running them.
  const context = new Proxy({} as CommandContext, {
    get: () => {
      throw new Error('a command looks at its context while it is declared');
    },
  });
  declareCommands(program, context, async () => undefined);
  return `# Commands

Options that stand before or after every command:

${optionTable(program.options)}

Standard output is the result, standard error everything else. \`--output json\` prints a document with \`formatVersion\`, whose schema
\`hoard schema\` prints; errors are JSON then, too. Colour and progress bars are for terminals only; \`NO_COLOR\` is honoured.

${leaves(program).map(commandSection).join('\n')}`;
}

/** The commands that do something, each with its words after the program's name. */
function leaves(
  command: Command,
  words: readonly string[] = [],
): { readonly command: Command; readonly name: string }[] {
  if (command.commands.length === 0) return [{ command, name: words.join(' ') }];
  return command.commands.flatMap((inner) => leaves(inner, [...words, inner.name()]));
}

function commandSection({ command, name }: ReturnType<typeof leaves>[number]): string {
  const usage = ['hoard', name, ...command.registeredArguments.map(argumentName)];
  const formats = formatsOf(command);
  const exits = exitsOf(command);
  if (exits.length === 0) throw new Error(`hoard ${name} does not say its exit statuses`);
  const parts = [
    `## hoard ${name}`,
    `\`${usage.join(' ')}\` ${cell(command.description())}.`,
    ...(command.registeredArguments.length === 0 ? [] : [argumentTable(command.registeredArguments)]),
    ...(command.options.length === 0 ? [] : [optionTable(command.options)]),
    ...(formats.length === 0 ? [] : [`Output formats: ${formats.join(', ')}.`]),
    `| exit status | meaning |\n| --- | --- |\n${exits.map(([status, meaning]) => `| ${status} | ${cell(meaning)} |`).join('\n')}`,
  ];
  return `${parts.join('\n\n')}\n`;
}

function argumentName(argument: Argument): string {
  return argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;
}

function argumentTable(list: readonly Argument[]): string {
  const rows = list.map((each) => `| \`${argumentName(each)}\` | ${cell(each.description)} |`);
  return `| argument | meaning |\n| --- | --- |\n${rows.join('\n')}`;
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map((option) => {
    const choices = option.argChoices ? ` (${option.argChoices.join(', ')})` : '';
    const flags = `\`${option.flags}\``;
    // What is switched off by --no-… is on by default, which its own description says better.
    const standard = option.defaultValue === undefined || option.negate ? '' : `\`${String(option.defaultValue)}\``;
    return `| ${option.mandatory ? `**${flags}**` : flags} | ${standard} | ${cell(option.description + choices)} |`;
  });
  return `| option | default | meaning |\n| --- | --- | --- |\n${rows.join('\n')}`;
}
