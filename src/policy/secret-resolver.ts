import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { errorCode } from '../domain/error-code.ts';
import { Failure, unreachable } from '../domain/failure.ts';
import type { SecretReference } from '../domain/secret-reference.ts';
import { Secret } from './secret.ts';

/** Turns references into values, in the adapter that needs the value and at the moment it needs it. */
export interface SecretResolver {
  /**
   * The value as it is now: nothing is cached, so a rotated secret is seen. One newline at the end of a file or of a command's output
   * is no part of it. Throws `secret.unavailable`, which names the reference and never the value; the signal's reason when aborted.
   */
  resolve(reference: SecretReference, signal: AbortSignal): Promise<Secret>;
  /** Every value given so far, and the passwords inside those that are URLs: to be scrubbed from all output. */
  known(): Iterable<string>;
}

// Far above any key, certificate chain or service account file; a reference to a wrong file must not fill the memory.
const MAX_BYTES = 1024 * 1024;
const EXEC_TIMEOUT_MILLISECONDS = 10_000;

/** `execTimeoutMilliseconds` is how long a command may take. */
export function createSecretResolver(
  environment: Readonly<Record<string, string | undefined>>,
  execTimeoutMilliseconds = EXEC_TIMEOUT_MILLISECONDS,
): SecretResolver {
  const known = new Set<string>();
  return {
    async resolve(reference, signal) {
      signal.throwIfAborted();
      const value = await read(reference, { environment, execTimeoutMilliseconds, signal });
      if (value === '') throw unavailable(reference, 'is empty');
      for (const text of withParts(value)) known.add(text);
      return new Secret(value);
    },
    known: () => known,
  };
}

/** For people: where the secret is looked for, for example `environment variable ORDERS_PG_URI`. Arguments of commands are left out. */
export function describeSecretReference(reference: SecretReference): string {
  switch (reference.kind) {
    case 'env':
      return `environment variable ${reference.name}`;
    case 'file':
      return `file ${reference.path}`;
    case 'exec':
      return `command ${reference.command[0] ?? ''}`;
    default:
      return unreachable(reference);
  }
}

interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly execTimeoutMilliseconds: number;
  readonly signal: AbortSignal;
}

async function read(reference: SecretReference, surroundings: Surroundings): Promise<string> {
  const { environment, signal } = surroundings;
  switch (reference.kind) {
    case 'env': {
      const value = Object.hasOwn(environment, reference.name) ? environment[reference.name] : undefined;
      if (value === undefined) throw unavailable(reference, 'is not set');
      return value;
    }
    case 'file':
      return withoutNewline(await readBounded(reference, reference.path, signal));
    case 'exec':
      return withoutNewline(await run(reference, surroundings));
    default:
      return unreachable(reference);
  }
}

async function readBounded(reference: SecretReference, path: string, signal: AbortSignal): Promise<string> {
  try {
    await using handle = await open(path, 'r');
    const buffer = Buffer.alloc(MAX_BYTES + 1);
    let length = 0;
    while (length < buffer.length) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) return buffer.toString('utf8', 0, length);
      length += bytesRead;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw unavailable(reference, whyUnreadable(error), error);
  }
  throw unavailable(reference, `is larger than ${MAX_BYTES} bytes`);
}

function whyUnreadable(error: unknown): string {
  const code = errorCode(error);
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read by this user';
  if (code === 'EISDIR') return 'is a directory';
  return `cannot be read (${code ?? 'unknown error'})`;
}

function run(reference: SecretReference & { kind: 'exec' }, surroundings: Surroundings): Promise<string> {
  const { environment, execTimeoutMilliseconds: timeout, signal } = surroundings;
  const [program = '', ...args] = reference.command;
  const options = {
    env: { ...environment },
    encoding: 'utf8',
    timeout,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_BYTES,
    signal,
    windowsHide: true,
  } as const;
  return new Promise((resolve, reject) => {
    // What the command prints on standard error is not repeated: such tools print what they were given.
    execFile(program, args, options, (error, stdout) => {
      if (error === null) resolve(stdout);
      else if (signal.aborted) reject(toError(signal.reason));
      else reject(unavailable(reference, whyFailed(error, timeout)));
    }).stdin?.end();
  });
}

function whyFailed(
  error: { readonly code?: unknown; readonly killed?: boolean | undefined; readonly signal?: unknown },
  timeout: number,
): string {
  if (error.code === 'ENOENT') return 'does not exist';
  if (error.code === 'EACCES') return 'may not be run by this user';
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return `printed more than ${MAX_BYTES} bytes`;
  if (error.killed === true) return `did not end within ${timeout / 1000} seconds`;
  return typeof error.code === 'number' ? `ended with status ${error.code}` : `was ended by ${String(error.signal)}`;
}

const HINTS = {
  env: 'set it in the environment of the process that runs hoard; a server started earlier does not see later changes',
  file: 'check the path, which is relative to the policy file, and its permissions',
  exec: 'run the command by hand as the user that runs hoard; it gets no shell and no standard input',
} as const;

// The cause of a failed command is dropped on purpose: it repeats the arguments and standard error.
function unavailable(reference: SecretReference, why: string, cause?: unknown): Failure {
  return new Failure('secret.unavailable', {
    message: `${describeSecretReference(reference)} ${why}, but a secret is read from it`,
    hint: HINTS[reference.kind],
    cause,
  });
}

function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}

function withParts(value: string): readonly string[] {
  const url = URL.parse(value);
  if (url === null || url.password === '') return [value];
  return [value, url.password, ...decoded(url.password)];
}

function decoded(text: string): readonly string[] {
  try {
    return [decodeURIComponent(text)];
  } catch {
    return [];
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Failure('interrupted', { message: 'stopped while a secret was read' });
}
