import { DIAGNOSTICS, type DiagnosticCode } from '../diagnostic-codes.ts';
import type { Finding, Report } from '../finding.ts';
import type { PolicySource, Range } from '../text/policy-source.ts';

interface Suppression {
  readonly source: PolicySource;
  readonly range: Range;
  readonly codes: readonly string[];
  readonly reason: string;
  /** The line that it is about. */
  readonly line: number;
}

const FORM = /^[ \t]*(#[ \t]*hoard-lint-disable-next-line\b[ \t]*((?:HRD\d{3}[ \t,]*)*)(.*))$/;

/**
 * Leaves out the warnings that a comment `# hoard-lint-disable-next-line HRD104 reason` on the line before them names; several codes are
 * separated by commas or spaces. Reports comments that suppress nothing or give no reason. Errors cannot be suppressed.
 */
export function applySuppressions(
  sources: readonly PolicySource[],
  lint: readonly Finding[],
  report: Report,
): readonly Finding[] {
  const suppressions = sources.flatMap(findSuppressions);
  if (suppressions.length === 0) return lint;
  const used = new Map<Suppression, Set<string>>();
  const kept = lint.filter((finding) => {
    const line = finding.source.positionOf(finding.range.start).line;
    const by = suppressions.find(
      (entry) => entry.source === finding.source && entry.line === line && entry.codes.includes(finding.code),
    );
    if (by) used.set(by, (used.get(by) ?? new Set()).add(finding.code));
    return by === undefined;
  });
  for (const suppression of suppressions) judge(suppression, used.get(suppression) ?? new Set(), report);
  return kept;
}

function judge({ source, range, codes, reason, line }: Suppression, used: ReadonlySet<string>, report: Report): void {
  const place = `suppression of ${codes.join(',')}`;
  const unused = codes.filter((code) => !used.has(code));
  if (codes.length === 0 || unused.length > 0) {
    const what = codes.length === 0 ? 'names no code' : `finds no ${unused.join(' or ')} on line ${line}`;
    const errors = unused.filter((code) => isCode(code) && DIAGNOSTICS[code].severity === 'error');
    const hint =
      errors.length > 0 ? `${errors.join(', ')} is an error; errors cannot be suppressed` : 'remove the comment';
    report({ code: 'HRD301', source, range, message: `the suppression ${what}`, hint, place });
  }
  if (codes.length > 0 && reason === '') {
    report({
      code: 'HRD302',
      source,
      range,
      message: 'the suppression gives no reason',
      hint: 'write the reason after the code',
      place,
    });
  }
}

function isCode(code: string): code is DiagnosticCode {
  return code in DIAGNOSTICS;
}

function findSuppressions(source: PolicySource): readonly Suppression[] {
  if (!source.text.includes('hoard-lint-disable-next-line')) return [];
  const found: Suppression[] = [];
  for (let line = 1; line <= source.lineCount; line += 1) {
    const { start, end } = source.lineRange(line);
    const text = source.text.slice(start, end);
    const match = FORM.exec(text);
    if (!match) continue;
    found.push({
      source,
      range: { start: start + text.indexOf('#'), end },
      codes: match[2]?.match(/HRD\d{3}/g) ?? [],
      reason: match[3]?.trim() ?? '',
      line: nextContentLine(source, line),
    });
  }
  return found;
}

/** The next line that is neither empty nor a comment: suppressions of several lines can be stacked. */
function nextContentLine(source: PolicySource, line: number): number {
  for (let next = line + 1; next <= source.lineCount; next += 1) {
    const { start, end } = source.lineRange(next);
    if (!/^\s*(#|$)/.test(source.text.slice(start, end))) return next;
  }
  return line + 1;
}
