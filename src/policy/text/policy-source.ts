/** A stretch of a source, as offsets in UTF-16 code units; the end is exclusive. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** 1-based. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The text of one policy file and what must not be repeated of it. */
export class PolicySource {
  /** As diagnostics name it. */
  readonly file: string;
  /** Absolute; relative paths in the file start here. */
  readonly folder: string;
  readonly text: string;
  readonly #lineStarts: readonly number[];
  #hidden: Range[] = [];
  #sorted = true;

  constructor(args: { readonly file: string; readonly folder: string; readonly text: string }) {
    this.file = args.file;
    this.folder = args.folder;
    this.text = args.text;
    const starts = [0];
    for (let at = args.text.indexOf('\n'); at !== -1; at = args.text.indexOf('\n', at + 1)) starts.push(at + 1);
    this.#lineStarts = starts;
  }

  get lineCount(): number {
    return this.#lineStarts.length;
  }

  positionOf(offset: number): Position {
    const at = Math.max(0, Math.min(offset, this.text.length));
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.lineStart(middle + 1) <= at) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: at - this.lineStart(low + 1) + 1 };
  }

  lineStart(line: number): number {
    return this.#lineStarts[line - 1] ?? this.text.length;
  }

  /** The line without its end. */
  lineRange(line: number): Range {
    const start = this.lineStart(line);
    let end = line < this.lineCount ? this.lineStart(line + 1) - 1 : this.text.length;
    if (end > start && this.text[end - 1] === '\r') end -= 1;
    return { start, end };
  }

  /** From now on the range is masked in frames and left out of messages. */
  hide(range: Range): void {
    if (range.end <= range.start) return;
    this.#hidden.push(range);
    this.#sorted = false;
  }

  /** Hidden ranges that overlap with `range`, merged, ascending. */
  hiddenIn(range: Range): readonly Range[] {
    if (!this.#sorted) {
      this.#hidden = merge(this.#hidden);
      this.#sorted = true;
    }
    return this.#hidden.filter((hidden) => hidden.start < range.end && range.start < hidden.end);
  }

  isHidden(range: Range): boolean {
    return this.hiddenIn(range).length > 0;
  }
}

function merge(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && range.start <= last.end)
      merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
    else merged.push(range);
  }
  return merged;
}
