import type { Diagnostic, DiagnosticFrame } from '../policy/diagnostic.ts';
import { printable } from '../policy/text/source-frame.ts';
import { type Style, styleFor } from './style.ts';
import { counted } from './words.ts';

export interface DiagnosticsStyle {
  readonly color?: boolean;
  /** Width of the source frames. Default: 80. */
  readonly columns?: number;
}

/** Diagnostics for people: place, what is wrong, the source line with a caret under it, what to do. Empty for none. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], style: DiagnosticsStyle = {}): string {
  const paint = styleFor(style.color === true);
  return diagnostics.map((diagnostic) => renderOne(diagnostic, paint, style.columns ?? 80)).join('\n');
}

/** One sentence with the verdict, for example `2 errors, 1 warning in 5 documents`. */
export function renderDiagnosticsSummary(diagnostics: readonly Diagnostic[], documents: number): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const warnings = diagnostics.length - errors;
  const found = [
    errors === 0 ? [] : counted(errors, 'error'),
    warnings === 0 ? [] : counted(warnings, 'warning'),
  ].flat();
  return `${found.length === 0 ? 'no errors' : found.join(', ')} in ${counted(documents, 'document')}`;
}

function renderOne(diagnostic: Diagnostic, paint: Style, columns: number): string {
  const { file, line, column, severity, code, message, hint, frame } = diagnostic;
  const alarm = severity === 'error' ? paint.red : paint.yellow;
  const head = `${paint.bold(`${printable(file)}:${line}:${column}`)} ${paint.bold(alarm(`${severity} ${code}`))}: ${message}`;
  const lines = [head];
  if (frame && frame.lines.some(({ text }) => text !== ''))
    lines.push(...renderFrame(frame, diagnostic, paint, columns));
  if (hint !== undefined) lines.push(`  ${paint.dim('hint:')} ${hint}`);
  return `${lines.join('\n')}\n`;
}

const ELLIPSIS = '…';

function renderFrame(frame: DiagnosticFrame, { line, severity }: Diagnostic, paint: Style, columns: number): string[] {
  const alarm = severity === 'error' ? paint.red : paint.yellow;
  const digits = String(frame.lines.at(-1)?.number ?? line).length;
  const width = Math.max(20, columns - digits - 5);
  const meant = frame.lines.find(({ number }) => number === line)?.text ?? '';
  const start = windowStart(meant.length, frame.from, frame.to, width);
  return frame.lines.flatMap(({ number, text }) => {
    const gutter = paint.dim(`  ${String(number).padStart(digits)} |`);
    const shown = cut(text, start, width);
    const row = shown === '' ? gutter : `${gutter} ${shown}`;
    // Of a long line only a part is shown; a shorter neighbour may have nothing there.
    if (number !== line) return start > 0 && shown === '' ? [] : [row];
    const from = frame.from - start;
    const to = Math.max(from + 1, Math.min(frame.to - start, width));
    return [row, `${paint.dim(`  ${' '.repeat(digits)} |`)} ${' '.repeat(from)}${alarm('^'.repeat(to - from))}`];
  });
}

/** Where the shown part of a long line begins, with the caret in its middle where it would lie beyond the end. */
function windowStart(length: number, from: number, to: number, width: number): number {
  if (length <= width || to <= width - 1) return 0;
  return Math.max(0, Math.min(from - Math.floor(width / 2), length - width));
}

function cut(text: string, start: number, width: number): string {
  const part = text.slice(start, start + width);
  const head = start > 0 && part !== '' ? ELLIPSIS + part.slice(1) : part;
  return (start + width < text.length ? head.slice(0, -1) + ELLIPSIS : head).trimEnd();
}
