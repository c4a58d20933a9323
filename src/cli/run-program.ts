import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { EXIT } from '../domain/failure.ts';
import { createSecretResolver } from '../policy/secret-resolver.ts';
import { createBarReporter } from '../telemetry/bar-reporter.ts';
import { createLineReporter } from '../telemetry/line-reporter.ts';
import { createRedactor } from '../telemetry/redact.ts';
import { createSystemEffects, systemClock } from '../telemetry/system-effects.ts';
import { confirm } from './confirm.ts';
import type { CommandContext, GlobalOptions } from './context.ts';
import { declareGlobals } from './global-options.ts';
import { createOutput } from './output.ts';
import { renderFailure, toFailure } from './render-failure.ts';
import { listenForSignals } from './signals.ts';
import { barTerminal, canDrawBars, wantsColor } from './terminal.ts';
import { usageFailure } from './usage.ts';
import { readVersion } from './version.ts';

/** Adds commands to the program. `run` wraps an action so that what it resolves to becomes the exit status. */
export type DeclareCommand = (parent: Command, context: CommandContext, run: RunCommand) => void;
type RunCommand = (work: Promise<number>) => Promise<void>;

// bin/ lies two folders up both from src/cli and from dist/cli.
const LAUNCHER = new URL('../../bin/hoard.mjs', import.meta.url);

// A handle that something forgot must not keep an archive_command or a CI job waiting.
const LAST_RESORT_MILLISECONDS = 2000;

/**
 * Runs the command line of `process` and sets its exit status; never throws. `bendFailure` lets an entry point change the status that a
 * failure would have: PostgreSQL reads its own meaning into those of the WAL commands. What a command itself returns stays.
 */
export async function runProgram(args: {
  readonly process: NodeJS.Process;
  readonly declare: DeclareCommand;
  readonly bendFailure?: (status: number) => number;
}): Promise<void> {
  const { process, declare, bendFailure = (status) => status } = args;
  const { env: environment, stdin, stdout, stderr } = process;

  const secrets = createSecretResolver(environment);
  const redactor = createRedactor(() => secrets.known());
  const bars = canDrawBars(environment, stderr.isTTY)
    ? createBarReporter({ terminal: barTerminal(stderr, environment, redactor), clock: systemClock })
    : undefined;
  const output = createOutput({ stdout, stderr, redactor, beforeWrite: () => bars?.clear() });
  const reporter = bars ?? createLineReporter({ write: output.message, clock: systemClock });

  const exit = (failed: number): void => process.exit(bendFailure(failed));
  const interruption = listenForSignals({ source: process, now: () => systemClock.now(), exit });
  const effects = createSystemEffects({ environment, reporter, signal: interruption.signal });

  const program = new Command('hoard');
  const toolVersion = readVersion();
  const context: CommandContext = {
    effects,
    secrets,
    output,
    terminal: {
      interactive: stdin.isTTY && stderr.isTTY,
      color: wantsColor(environment, stdout.isTTY),
      confirm: (question) => {
        bars?.clear();
        return confirm({
          input: stdin,
          output: stderr,
          question: redactor.text(question),
          signal: effects.signal,
        });
      },
    },
    workingDirectory: process.cwd(),
    cacheDirectory: join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'hoard'),
    launcher: [process.execPath, fileURLToPath(LAUNCHER)],
    toolVersion,
    processId: process.pid,
    globals: () => program.opts<GlobalOptions>(),
  };

  /** Says what went wrong and gives the exit status. */
  const report = (error: unknown): number => {
    // Help and version end by the same road as errors.
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage;
    const failure = error instanceof CommanderError ? usageFailure(error) : toFailure(error, effects.signal);
    const json = context.globals().output === 'json';
    output.message(renderFailure(failure, { json, debug: environment['HOARD_DEBUG'] === '1' }));
    return failure.code === 'interrupted' ? (interruption.status() ?? failure.exitStatus) : failure.exitStatus;
  };
  process.on('uncaughtException', (error) => exit(report(error)));

  let status: number = EXIT.done;
  try {
    program
      .description(
        'Keeps PostgreSQL recoverable: compares what policies declare with what is stored, and closes the difference.',
      )
      .version(toolVersion)
      .exitOverride()
      .configureHelp({ showGlobalOptions: true })
      .configureOutput({
        writeOut: (text) => void output.result(text),
        writeErr: output.message,
        // Reported below, in the words and format of every other failure.
        outputError: () => undefined,
      });
    declareGlobals(program, environment);
    declare(program, context, async (work) => {
      status = await work;
    });
    await program.parseAsync(process.argv);
  } catch (error) {
    status = bendFailure(report(error));
  }
  interruption.dispose();
  bars?.clear();
  process.exitCode = status;
  setTimeout(() => process.exit(), LAST_RESORT_MILLISECONDS).unref();
}
