import { unreachable } from '../domain/failure.ts';
import type { Clock } from './effects.ts';
import { advanceProgress, describeProgress, percentOf, startProgress, type TaskProgress } from './progress.ts';
import type { ReportedEvent, Reporter } from './reporter.ts';

// Often enough to see that work goes on, seldom enough for a CI log of an hour's backup.
const PROGRESS_EVERY_MILLISECONDS = 5000;

/**
 * Plain lines for logs and pipes. Starts, ends, waits and notes are each a line; progress is thinned to one line per five seconds
 * that names every task that moved since the last one.
 */
export function createLineReporter(args: {
  readonly write: (line: string) => void;
  readonly clock: Pick<Clock, 'now'>;
}): Reporter {
  const { write, clock } = args;
  const tasks = new Map<string, TaskProgress>();
  const moved = new Set<string>();
  let lastProgress = clock.now();

  const titleOf = (task: string): string => tasks.get(task)?.title ?? task;

  const writeProgress = (): void => {
    const texts: string[] = [];
    for (const name of moved) {
      const task = tasks.get(name);
      if (!task) continue;
      const percent = percentOf(task);
      texts.push(`${task.title}: ${percent === undefined ? '' : `${percent}%, `}${describeProgress(task)}`);
    }
    moved.clear();
    if (texts.length > 0) write(texts.join('; '));
  };

  const report = (event: ReportedEvent): void => {
    const now = clock.now();
    switch (event.kind) {
      case 'started':
        tasks.set(event.task, startProgress(event.title, event.totalBytes, now));
        write(`${event.title}: started`);
        return;
      case 'progress': {
        const task = tasks.get(event.task) ?? startProgress(event.task, event.totalBytes, now);
        const { doneBytes, totalBytes, detail } = event;
        tasks.set(event.task, advanceProgress(task, { doneBytes, totalBytes, detail }, now));
        moved.add(event.task);
        if (now - lastProgress < PROGRESS_EVERY_MILLISECONDS) return;
        lastProgress = now;
        writeProgress();
        return;
      }
      case 'finished':
        write(`${titleOf(event.task)}: ${event.summary}`);
        tasks.delete(event.task);
        moved.delete(event.task);
        return;
      case 'failed':
        write(`${titleOf(event.task)}: failed: ${event.message}`);
        tasks.delete(event.task);
        moved.delete(event.task);
        return;
      case 'waiting':
        write(tasks.has(event.task) ? `${titleOf(event.task)}: ${event.message}` : event.message);
        return;
      case 'alert':
        write(event.raised ? `alert: ${event.message}` : event.message);
        return;
      case 'note':
        write(event.level === 'warning' ? `warning: ${event.message}` : event.message);
        return;
      default:
        unreachable(event);
    }
  };

  return { report };
}
