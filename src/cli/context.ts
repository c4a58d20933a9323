import type { SecretResolver } from '../policy/secret-resolver.ts';
import type { Effects } from '../telemetry/effects.ts';

/** What a command gets from its entry point. */
export interface CommandContext {
  readonly effects: Effects;
  readonly secrets: SecretResolver;
  readonly output: Output;
  readonly terminal: Terminal;
  readonly workingDirectory: string;
  /** The user's own; what lies in it can be lost without harm. */
  readonly cacheDirectory: string;
  /** The program and its first arguments that run hoard again, absolute: for restore_command. */
  readonly launcher: readonly string[];
  readonly toolVersion: string;
  readonly processId: number;
  /** Options that every command shares, read after parsing. */
  readonly globals: () => GlobalOptions;
}

export interface GlobalOptions {
  /** Where the policies are: a file or a folder. */
  readonly policies: string;
  /** As given; each command says which formats it knows. */
  readonly output: string;
}

/** Everything that leaves the process goes through here, and through redaction. */
export interface Output {
  /** The result, on standard output; a missing newline at the end is added. */
  readonly result: (text: string) => Promise<void>;
  /** A result document: string values are redacted one by one, so that the document stays valid JSON. */
  readonly document: (value: unknown) => Promise<void>;
  /** Anything else, on standard error. */
  readonly message: (text: string) => void;
  /** The same text or document without secrets, for what is written to a file. */
  readonly redacted: (value: unknown) => unknown;
}

interface Terminal {
  /** A person can be asked: standard input and standard error are a terminal. */
  readonly interactive: boolean;
  /** Colour on standard output. */
  readonly color: boolean;
  /** Asks a question on standard error; true only for a typed "yes" or "y". */
  readonly confirm: (question: string) => Promise<boolean>;
  /** Asks on standard error for a line that nobody else is to read: what is typed is not shown. Only where `interactive`. */
  readonly askHidden: (question: string) => Promise<string>;
}
