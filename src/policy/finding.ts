import { createHash } from 'node:crypto';
import type { Diagnostic } from './diagnostic.ts';
import { DIAGNOSTICS, type DiagnosticCode } from './diagnostic-codes.ts';
import type { PolicySource, Range } from './text/policy-source.ts';
import { frameOf, printable } from './text/source-frame.ts';

/** A diagnostic in the making: where it is, as a range of a source. */
export interface Finding {
  readonly code: DiagnosticCode;
  readonly source: PolicySource;
  readonly range: Range;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Where in the document, for the fingerprint; no secret is in it. */
  readonly place: string;
}

export type Report = (finding: Finding) => void;

/** Called after everything that must be hidden in the source is known. */
export function diagnosticOf(finding: Finding): Diagnostic {
  const { code, source, range, message, hint, place } = finding;
  const start = source.positionOf(range.start);
  // The length of a hidden value stays hidden too.
  const end = source.isHidden(range) ? { line: start.line, column: start.column + 1 } : source.positionOf(range.end);
  return {
    code,
    severity: DIAGNOSTICS[code].severity,
    file: source.file,
    line: start.line,
    column: start.column,
    endLine: end.line,
    endColumn: end.column,
    message: printable(message),
    hint: hint === undefined ? undefined : printable(hint),
    frame: frameOf(source, range),
    fingerprint: createHash('sha256').update(`${code}\n${source.file}\n${place}`).digest('hex').slice(0, 32),
  };
}

export function compareDiagnostics(a: Diagnostic, b: Diagnostic): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column || (a.code < b.code ? -1 : 1);
}
