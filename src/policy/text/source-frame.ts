import type { DiagnosticFrame } from '../diagnostic.ts';
import type { PolicySource, Range } from './policy-source.ts';

// Of fixed length, so that not even the length of a secret is told.
const MASK = '••••••••';

/** The line at the start of `range`, with one line before and one after it; hidden ranges are masked, control characters replaced. */
export function frameOf(source: PolicySource, range: Range): DiagnosticFrame {
  const line = source.positionOf(range.start).line;
  const numbers = [line - 1, line, line + 1].filter((number) => number >= 1 && number <= source.lineCount);
  const lines = numbers
    .map((number) => ({ number, text: maskedLine(source, number).text }))
    .filter((entry) => entry.number === line || entry.text.trim() !== '');
  const masked = maskedLine(source, line);
  const from = masked.columnOf(range.start, 'start');
  const to = masked.columnOf(Math.max(range.end, range.start + 1), 'end');
  return { lines, from, to: Math.max(to, from + 1) };
}

interface MaskedLine {
  readonly text: string;
  /** The column in `text` of an offset in the source; an offset inside a mask is at the mask's start or end. */
  readonly columnOf: (offset: number, side: 'start' | 'end') => number;
}

function maskedLine(source: PolicySource, line: number): MaskedLine {
  const whole = source.lineRange(line);
  const pieces: { readonly range: Range; readonly text: string; readonly masked: boolean }[] = [];
  let at = whole.start;
  for (const hidden of source.hiddenIn(whole)) {
    const start = Math.max(hidden.start, whole.start);
    const end = Math.min(hidden.end, whole.end);
    pieces.push({ range: { start: at, end: start }, text: printable(source.text.slice(at, start)), masked: false });
    pieces.push({ range: { start, end }, text: MASK, masked: true });
    at = end;
  }
  pieces.push({
    range: { start: at, end: whole.end },
    text: printable(source.text.slice(at, whole.end)),
    masked: false,
  });
  const text = pieces.map((piece) => piece.text).join('');
  return {
    text,
    columnOf(offset, side) {
      let column = 0;
      for (const piece of pieces) {
        if (offset < piece.range.end || (side === 'end' && offset === piece.range.end)) {
          if (!piece.masked) return column + Math.max(0, offset - piece.range.start);
          return side === 'start' ? column : column + piece.text.length;
        }
        column += piece.text.length;
      }
      return text.length;
    },
  };
}

/** One column for each code unit: tabs become spaces, and nothing can steer a terminal. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/\t/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '·');
}
