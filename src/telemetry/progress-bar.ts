import { describeProgress, percentOf, type TaskProgress } from './progress.ts';

const GREEN = '\u001b[32m';
const YELLOW = '\u001b[33m';
const RESET = '\u001b[39m';

// Below this width a bar says less than the figures that it would push out.
const NARROWEST_FOR_A_BAR = 60;

/**
 * One line of at most `columns - 1` characters (a full last column wraps on some terminals): title, bar, percent, figures.
 * Too little room takes away the bar first, then the end of the line.
 */
export function renderBar(task: TaskProgress, columns: number, color: boolean): string {
  const width = Math.max(10, columns - 1);
  const percent = percentOf(task);
  const figures = describeProgress(task);
  if (percent === undefined || task.waiting !== undefined || columns < NARROWEST_FOR_A_BAR) {
    const line = `${task.title}  ${percent === undefined ? '' : `${percent}%  `}${figures}`;
    return paint(cut(line, width), task.waiting === undefined ? '' : YELLOW, color);
  }
  const title = cut(task.title, Math.floor(width / 3)).padEnd(Math.min(28, Math.floor(width / 3)));
  const barWidth = Math.min(30, Math.max(10, Math.floor(width / 5)));
  const filled = Math.floor((barWidth * percent) / 100);
  const bar = `${paint('█'.repeat(filled), GREEN, color)}${'░'.repeat(barWidth - filled)}`;
  const room = width - title.length - barWidth - 9;
  return `${title}  ${bar} ${String(percent).padStart(3)}%  ${cut(figures, Math.max(0, room))}`.trimEnd();
}

function paint(text: string, code: string, color: boolean): string {
  return color && code !== '' && text !== '' ? `${code}${text}${RESET}` : text;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
