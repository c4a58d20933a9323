import type { DiagnosticCode } from '../diagnostic-codes.ts';
import type { Report } from '../finding.ts';
import type { PolicyKind } from '../schema-files.ts';
import { keyRange, type Path, type PolicyDocument, valueRange } from '../structure/policy-document.ts';

/** All documents that were read, as the checks across documents see them. */
export interface PolicySet {
  readonly documents: readonly PolicyDocument[];
  /** Something could not be read, so that a name that is not found may well exist. */
  readonly incomplete: boolean;
}

export function ofKind(set: PolicySet, kind: PolicyKind): readonly PolicyDocument[] {
  return set.documents.filter((document) => document.kind === kind);
}

export function findNamed(set: PolicySet, kind: PolicyKind, name: string | undefined): PolicyDocument | undefined {
  return name === undefined ? undefined : ofKind(set, kind).find((document) => document.name === name);
}

/** Reports at a value, or with `at: 'key'` at its key. */
export function reportAt(
  report: Report,
  document: PolicyDocument,
  path: Path,
  code: DiagnosticCode,
  text: { readonly message: string; readonly hint?: string; readonly at?: 'key' | 'value' },
): void {
  report({
    code,
    source: document.source,
    range: text.at === 'key' ? keyRange(document, path) : valueRange(document, path),
    message: text.message,
    hint: text.hint,
    place: `${document.kind ?? '?'}/${document.name ?? '?'}/${path.join('/')}`,
  });
}

/** `prod.yaml:12`, for messages that point at another place. */
export function placeOf(document: PolicyDocument): string {
  return `${document.source.file}:${document.source.positionOf(document.range.start).line}`;
}
