import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { giveToServer, unprivileged } from '../../support/unprivileged.ts';

export const LAUNCHER = path.resolve(import.meta.dirname, '../../bin/hoard.mjs');

export interface CliResult {
  /** 128 + n where signal n ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Called with the running process, for signals. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** Runs the real launcher as the user that servers run as, without a terminal. */
export async function runHoard(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const { command, args: all, ...ids } = unprivileged(process.execPath, [LAUNCHER, ...args]);
  const child = spawn(command, all, {
    ...ids,
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: undefined, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  options.onStart?.(child);
  const status = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : os.constants.signals[signal])));
  });
  return { status, stdout, stderr };
}

/** A folder of policies that goes with the test; servers may write into it. */
export interface PolicyFolder extends Disposable {
  readonly folder: string;
  readonly policies: string;
  readonly repository: string;
  write(yaml: string): void;
}

/** The quickstart policies, with what is given put in place of its schedule, retention and site. */
export function policyFolder(yaml: string): PolicyFolder {
  const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'hoard-cli-')));
  const policies = path.join(folder, 'policies.yaml');
  const write = (text: string): void => writeFileSync(policies, text);
  write(yaml);
  giveToServer(folder);
  return {
    folder,
    policies,
    repository: path.join(folder, 'hoard-repository'),
    write,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
