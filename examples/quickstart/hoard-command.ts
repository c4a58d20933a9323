import { spawn } from 'node:child_process';
import path from 'node:path';
import { unprivileged } from '../../support/unprivileged.ts';

const LAUNCHER = path.resolve(import.meta.dirname, '../../bin/hoard.mjs');

/** The command line of hoard with these policies, to be followed by a command; absolute, so that PostgreSQL can run it from anywhere. */
export function launcherArgs(policies: string): readonly string[] {
  return [process.execPath, LAUNCHER, '-f', policies];
}

/**
 * Runs hoard with its output on the terminal, as the user that the server runs as. Throws where it does not end with 0.
 */
export async function hoard(
  args: readonly string[],
  policies: string,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  process.stdout.write(`\n   $ hoard ${args.join(' ')}\n`);
  const [program = '', ...rest] = [...launcherArgs(policies), ...args];
  const { command, args: all, ...ids } = unprivileged(program, rest);
  const status = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(command, all, {
      ...ids,
      cwd: path.dirname(policies),
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...environment },
    });
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (status !== 0) throw new Error(`hoard ${args.join(' ')} ended with ${status}`);
}
