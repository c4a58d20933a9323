import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const HOOK = path.join(import.meta.dirname, 'kill-points-hook.mjs');

export interface KillPoint {
  /** The change below the directory at which the process dies, from 1. */
  readonly at: number;
  /** `stop`: it is stopped before the change, and goes on with SIGCONT. */
  readonly moment: 'before' | 'after' | 'stop';
}

/**
 * The environment under which a Node process dies by SIGKILL at a chosen change (open for writing, write, fsync, rename, link, unlink, …)
 * that it makes below `directory`. Without a point it only counts. Child processes that are Node inherit it.
 */
export function killPointEnvironment(
  directory: string,
  point: KillPoint | undefined,
  log?: string,
): Readonly<Record<string, string>> {
  return {
    NODE_OPTIONS: `--import=${HOOK}`,
    KILL_POINTS_DIRECTORY: directory,
    ...(point === undefined ? {} : { KILL_POINTS_AT: String(point.at), KILL_POINTS_MOMENT: point.moment }),
    ...(log === undefined ? {} : { KILL_POINTS_LOG: log }),
  };
}

/** Runs something once under counting and tells how many changes it made below the directory, each with a line that names it. */
export async function countChanges(
  directory: string,
  run: (environment: Readonly<Record<string, string>>) => Promise<void>,
): Promise<readonly string[]> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-kill-points-'));
  const log = path.join(folder, 'changes');
  try {
    await run(killPointEnvironment(directory, undefined, log));
    return readFileSync(log, 'utf8').trimEnd().split('\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `count` points spread evenly over `total` changes, the first and the last among them, taking turns between before and after. */
export function spreadPoints(total: number, count: number): readonly KillPoint[] {
  const steps = Math.min(count, total);
  return Array.from({ length: steps }, (_, index) => ({
    at: steps === 1 ? 1 : 1 + Math.round((index * (total - 1)) / (steps - 1)),
    moment: index % 2 === 0 ? 'after' : 'before',
  }));
}
