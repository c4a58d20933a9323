import { unreachable } from '../domain/failure.ts';
import type { Instant } from '../domain/instant.ts';
import type { Clock } from './effects.ts';
import { advanceProgress, startProgress, type TaskProgress } from './progress.ts';
import { renderBar } from './progress-bar.ts';
import type { ReportedEvent, Reporter } from './reporter.ts';

/** A terminal that bars are drawn on: always standard error, so that results on standard output stay clean. */
export interface BarTerminal {
  write(text: string): void;
  /** Asked at every drawing, so that a resized window is honoured. */
  size(): { readonly columns: number; readonly rows: number };
  readonly color: boolean;
}

export interface BarReporter extends Reporter {
  /** Takes the bars off the screen, so that something else can be written; the next event draws them again. */
  clear(): void;
}

// Ten drawings a second look smooth; more only cost time on slow terminals.
const DRAW_EVERY_MILLISECONDS = 100;

const UP_AND_ERASE_BELOW = (lines: number): string => `\u001b[${lines}A\r\u001b[0J`;

/** One line a running task, redrawn in place below the lines that stay (ends, waits, notes). */
export function createBarReporter(args: {
  readonly terminal: BarTerminal;
  readonly clock: Pick<Clock, 'now'>;
}): BarReporter {
  const { terminal, clock } = args;
  const tasks = new Map<string, TaskProgress>();
  let drawnLines = 0;
  let drawnAt: Instant | undefined;

  const erase = (): string => {
    const text = drawnLines === 0 ? '' : UP_AND_ERASE_BELOW(drawnLines);
    drawnLines = 0;
    return text;
  };

  const draw = (lasting = ''): void => {
    const { columns, rows } = terminal.size();
    // A bar on every row would scroll the screen, and moving up could not reach the first one again.
    const room = Math.max(1, rows - 2);
    const erased = erase();
    const all = [...tasks.values()];
    const bars = all
      .slice(0, all.length > room ? room - 1 : room)
      .map((task) => renderBar(task, columns, terminal.color));
    if (all.length > bars.length) bars.push(`… and ${all.length - bars.length} more`.slice(0, columns - 1));
    drawnLines = bars.length;
    drawnAt = clock.now();
    terminal.write(erased + lasting + bars.map((bar) => `${bar}\n`).join(''));
  };

  const titleOf = (task: string): string => tasks.get(task)?.title ?? task;

  const report = (event: ReportedEvent): void => {
    const now = clock.now();
    switch (event.kind) {
      case 'started':
        tasks.set(event.task, startProgress(event.title, event.totalBytes, now));
        draw();
        return;
      case 'progress': {
        const task = tasks.get(event.task) ?? startProgress(event.task, event.totalBytes, now);
        const { doneBytes, totalBytes, detail } = event;
        tasks.set(event.task, advanceProgress(task, { doneBytes, totalBytes, detail }, now));
        if (drawnAt === undefined || now - drawnAt >= DRAW_EVERY_MILLISECONDS) draw();
        return;
      }
      case 'waiting': {
        const task = tasks.get(event.task);
        if (task) tasks.set(event.task, { ...task, waiting: event.message });
        // What has not started gets no bar, for nothing would ever take it away.
        draw(task ? '' : `${event.message}\n`);
        return;
      }
      case 'finished': {
        const title = titleOf(event.task);
        tasks.delete(event.task);
        draw(`${title}: ${event.summary}\n`);
        return;
      }
      case 'failed': {
        const title = titleOf(event.task);
        tasks.delete(event.task);
        draw(`${title}: failed: ${event.message}\n`);
        return;
      }
      case 'alert':
        draw(event.raised ? `alert: ${event.message}\n` : `${event.message}\n`);
        return;
      case 'note':
        draw(event.level === 'warning' ? `warning: ${event.message}\n` : `${event.message}\n`);
        return;
      default:
        unreachable(event);
    }
  };

  const clear = (): void => {
    const text = erase();
    if (text !== '') terminal.write(text);
  };

  return { report, clear };
}
