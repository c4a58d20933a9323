import { renderBytes } from '../domain/bytes.ts';
import type { Instant } from '../domain/instant.ts';

/** What a reporter knows about one task. */
export interface TaskProgress {
  readonly title: string;
  readonly doneBytes: number;
  readonly totalBytes: number | undefined;
  /** Bytes a second, smoothed; undefined until two readings at different times are there. */
  readonly rate: number | undefined;
  readonly detail: string | undefined;
  /** Why the task stands still, until it moves again. */
  readonly waiting: string | undefined;
  /** The reading that the rate was last computed from. */
  readonly measured: { readonly bytes: number; readonly at: Instant };
}

// A reading 5 s old counts half as much as the newest: steady enough to read, quick enough to show a stall.
const HALF_LIFE_MILLISECONDS = 5000;
// Readings closer together than this are too noisy for a rate of their own.
const SHORTEST_READING_MILLISECONDS = 200;

export function startProgress(title: string, totalBytes: number | undefined, now: Instant): TaskProgress {
  const measured = { bytes: 0, at: now };
  return { title, doneBytes: 0, totalBytes, rate: undefined, detail: undefined, waiting: undefined, measured };
}

export function advanceProgress(
  task: TaskProgress,
  reading: { readonly doneBytes: number; readonly totalBytes: number | undefined; readonly detail: string | undefined },
  now: Instant,
): TaskProgress {
  const later: TaskProgress = {
    ...task,
    doneBytes: reading.doneBytes,
    totalBytes: reading.totalBytes ?? task.totalBytes,
    detail: reading.detail ?? task.detail,
    waiting: undefined,
  };
  const elapsed = now - task.measured.at;
  if (elapsed < SHORTEST_READING_MILLISECONDS) return later;
  const current = Math.max(0, ((reading.doneBytes - task.measured.bytes) * 1000) / elapsed);
  const weight = 1 - 0.5 ** (elapsed / HALF_LIFE_MILLISECONDS);
  const rate = task.rate === undefined ? current : task.rate + (current - task.rate) * weight;
  return { ...later, rate, measured: { bytes: reading.doneBytes, at: now } };
}

/** Whole percent, at most 99 before the end; undefined where the total is not known. An estimate that was too low stays at 99. */
export function percentOf(task: TaskProgress): number | undefined {
  if (task.totalBytes === undefined || task.totalBytes <= 0) return undefined;
  return Math.min(99, Math.floor((task.doneBytes / task.totalBytes) * 100));
}

/** `1.2 GiB of 9.8 GiB, 220 MiB/s, 39s left`, with what is known. */
export function describeProgress(task: TaskProgress): string {
  if (task.waiting !== undefined) return task.waiting;
  const parts = [
    task.totalBytes === undefined
      ? renderBytes(task.doneBytes)
      : `${renderBytes(task.doneBytes)} of ${renderBytes(task.totalBytes)}`,
  ];
  if (task.rate !== undefined && task.rate > 0) {
    parts.push(`${renderBytes(Math.round(task.rate))}/s`);
    const left = (task.totalBytes ?? 0) - task.doneBytes;
    if (left > 0) parts.push(`${renderTimeLeft(left / task.rate)} left`);
  }
  if (task.detail !== undefined) parts.push(task.detail);
  return parts.join(', ');
}

function renderTimeLeft(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${String(whole % 60).padStart(2, '0')}s`;
  if (whole < 360_000)
    return `${Math.floor(whole / 3600)}h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')}m`;
  return 'days';
}
