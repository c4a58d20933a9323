import type { DiagnosticCode } from './diagnostic-codes.ts';

/**
 * Something that is wrong or doubtful in a policy file. Nothing in it contains a literal secret: messages leave such values out and
 * the source lines are masked.
 */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly severity: 'error' | 'warning';
  /** As reached from the path that was given: relative where that was relative. */
  readonly file: string;
  /** 1-based; columns count UTF-16 code units. The end is exclusive and lies on or after the start. */
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  /** One sentence in lower case without a trailing stop. */
  readonly message: string;
  /** What to do; undefined where the message says it. */
  readonly hint: string | undefined;
  readonly frame: DiagnosticFrame | undefined;
  /** The same for the same finding after lines have moved: a hash over code, document and place in the document. */
  readonly fingerprint: string;
}

/** Source lines with the one that is meant among them. */
export interface DiagnosticFrame {
  readonly lines: readonly { readonly number: number; readonly text: string }[];
  /** 0-based columns in the text of the line `Diagnostic.line`, as masked; the end is exclusive. */
  readonly from: number;
  readonly to: number;
}

/** A document that was found, for reports that count them. */
export interface DocumentSummary {
  readonly file: string;
  readonly line: number;
  readonly endLine: number;
  /** Undefined where it is not known or not usable. */
  readonly kind: string | undefined;
  readonly name: string | undefined;
}
