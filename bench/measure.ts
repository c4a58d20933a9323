import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Measured {
  readonly wallSeconds: number;
  /** User and system, of the process and all that it started (what one of them used in its last 10 ms is missed). */
  readonly cpuSeconds: number;
  /** The largest of their peaks. */
  readonly peakBytes: number;
  readonly stdout: string;
}

/** Clock ticks a second in /proc/<pid>/stat: 100 on every Linux that Node runs on. */
const TICKS = 100;

/** Runs a program to its end and measures it from outside, by /proc. Throws where it fails, with what it said on stderr. */
export async function measure(command: string, args: readonly string[]): Promise<Measured> {
  const begun = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = Promise.withResolvers<number | null>();
  child.once('error', ended.reject);
  child.once('close', ended.resolve);
  const seen = new Map<number, Usage>();
  while (child.exitCode === null && child.signalCode === null) {
    look(child.pid ?? 0, seen);
    await sleep(10);
  }
  const code = await ended.promise;
  const wallSeconds = (performance.now() - begun) / 1000;
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${stderr}`);
  const usages = [...seen.values()];
  return {
    wallSeconds,
    cpuSeconds: usages.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    peakBytes: Math.max(0, ...usages.map(({ peakBytes }) => peakBytes)),
    stdout,
  };
}

interface Usage {
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

/** Notes what a process and its descendants have used until now. */
function look(pid: number, seen: Map<number, Usage>): void {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    if (!peak) return;
    const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / TICKS;
    seen.set(pid, { cpuSeconds, peakBytes: Number(peak[1]) * 1024 });
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    if (children !== '') for (const child of children.split(' ')) look(Number(child), seen);
  } catch {
    // It has ended.
  }
}

/** The measurement with the median wall time. */
export function median(runs: readonly Measured[]): Measured {
  const sorted = runs.toSorted((a, b) => a.wallSeconds - b.wallSeconds);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  if (!middle) throw new Error('nothing was measured');
  return middle;
}
