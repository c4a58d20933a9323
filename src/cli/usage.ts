import type { Command, CommanderError } from 'commander';
import { EXIT, Failure } from '../domain/failure.ts';

/**
 * What commander found wrong with the command line, as our own kind of failure. Its messages read
 * `error: unknown option '--ot'\n(Did you mean --out?)`.
 */
export function usageFailure(error: CommanderError): Failure {
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = /^\((Did you mean .*)\)$/.exec(rest.join(' ').trim())?.[1];
  return new Failure('usage.invalid', {
    message: first.replaceAll("'", '"').replace(/\.$/, ''),
    hint:
      suggestion === undefined
        ? 'hoard --help lists the commands, hoard COMMAND --help its flags'
        : lowerFirst(suggestion),
  });
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

const COMMON_EXITS: readonly (readonly [status: number, meaning: string])[] = [
  [EXIT.done, 'done'],
  [EXIT.failed, 'failed'],
  [EXIT.invalidPolicies, 'policies invalid'],
  [EXIT.credentials, 'credentials or key rejected'],
  [EXIT.usage, 'wrong usage'],
  [EXIT.interrupted, 'interrupted (SIGINT)'],
  [EXIT.terminated, 'terminated (SIGTERM)'],
];

/** A status, or a range of them, and what it means. */
type ExitMeaning = readonly [status: string, meaning: string];

/** What the reference page says of a command beside its flags: the same as its help. */
const exits = new WeakMap<Command, readonly ExitMeaning[]>();
const formats = new WeakMap<Command, readonly string[]>();

/** Adds the exit statuses of a command to its help: the common ones and its own. */
export function explainExits(command: Command, own: Readonly<Record<number, string>> = {}): void {
  const all = new Map<number, string>(COMMON_EXITS);
  for (const [status, meaning] of Object.entries(own)) all.set(Number(status), meaning);
  const meanings = [...all].sort(([a], [b]) => a - b).map(([status, meaning]): ExitMeaning => [`${status}`, meaning]);
  explainOnlyExits(command, meanings, ' (treat any other non-zero as a failure)');
}

/** As explainExits, for a command that has none but these. */
export function explainOnlyExits(command: Command, meanings: readonly ExitMeaning[], remark = ''): void {
  exits.set(command, meanings);
  const width = Math.max(3, ...meanings.map(([status]) => status.length));
  const lines = meanings.map(([status, meaning]) => `  ${status.padStart(width)}  ${meaning}`);
  command.addHelpText('after', `\nExit status${remark}:\n${lines.join('\n')}`);
}

export const exitsOf = (command: Command): readonly ExitMeaning[] => exits.get(command) ?? [];

/** Adds the output formats of a command to its help, where it knows more than human and json. */
export function explainFormats(command: Command, known: readonly string[]): void {
  formats.set(command, known);
  command.addHelpText('after', `\nOutput formats: ${known.join(', ')}.`);
}

export const formatsOf = (command: Command): readonly string[] => formats.get(command) ?? [];
