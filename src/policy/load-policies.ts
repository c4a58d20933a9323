import type { Desired } from '../domain/desired.ts';
import { toDesired } from './convert/to-desired.ts';
import type { Diagnostic, DocumentSummary } from './diagnostic.ts';
import { DIAGNOSTICS } from './diagnostic-codes.ts';
import { compareDiagnostics, diagnosticOf, type Finding } from './finding.ts';
import { checkNames } from './meaning/check-names.ts';
import { checkPlaces } from './meaning/check-places.ts';
import { checkPolicyRules } from './meaning/check-policies.ts';
import { checkSchedules } from './meaning/check-schedules.ts';
import { checkSites } from './meaning/check-sites.ts';
import { lintEncryption } from './meaning/lint-encryption.ts';
import { lintExposure } from './meaning/lint-exposure.ts';
import { lintObjectives } from './meaning/lint-objectives.ts';
import type { PolicySet } from './meaning/policy-set.ts';
import { applySuppressions } from './meaning/suppressions.ts';
import { checkEnvelope } from './structure/check-envelope.ts';
import { parseDocuments } from './structure/parse-documents.ts';
import type { PolicyDocument } from './structure/policy-document.ts';
import { checkSchema } from './structure/schema-findings.ts';
import { readPolicyFiles, type Unreadable } from './text/policy-files.ts';
import { PolicySource } from './text/policy-source.ts';

/** What policy files say. */
export interface LoadedPolicies {
  /** Only where no diagnostic is an error; deeply frozen. */
  readonly desired: Desired | undefined;
  /** All of them, by file and position. */
  readonly diagnostics: readonly Diagnostic[];
  /** Every document that was found, by file and position. */
  readonly documents: readonly DocumentSummary[];
}

/**
 * Reads and checks a policy file or a folder of them, without any network. Never throws for what the files contain or for files that
 * cannot be read: those are diagnostics too.
 */
export async function loadPolicies(path: string): Promise<LoadedPolicies> {
  const { sources, unreadable } = await readPolicyFiles(path);
  return checkPolicies(sources, unreadable);
}

/** The part of loadPolicies that reads no files. */
export function checkPolicies(
  sources: readonly PolicySource[],
  unreadable: readonly Unreadable[] = [],
): LoadedPolicies {
  const findings: Finding[] = unreadable.map(unreadableFinding);
  const report = (finding: Finding): void => void findings.push(finding);

  const parsed = sources.map((source) => parseDocuments(source, report));
  const documents = parsed.flatMap((each) => each.documents);
  const set: PolicySet = { documents, incomplete: unreadable.length > 0 || parsed.some((each) => each.incomplete) };
  for (const document of documents) checkStructure(document, report);
  for (const check of [checkNames, checkPlaces, checkSchedules, checkPolicyRules, checkSites]) check(set, report);

  // Lint looks at what is missing as much as at what is there, so it would find too much where something could not be understood.
  const desired = findings.some(isError) ? undefined : toDesired(documents);
  if (desired) findings.push(...lint(sources, set, desired));
  const diagnostics = findings.map(diagnosticOf).sort(compareDiagnostics);
  return { desired, diagnostics, documents: documents.map(summaryOf) };
}

function checkStructure(document: PolicyDocument, report: (finding: Finding) => void): void {
  // Broken YAML has been reported.
  if (document.value === undefined) return;
  const kind = checkEnvelope(document, report);
  if (kind) checkSchema(document, kind, report);
}

function lint(sources: readonly PolicySource[], set: PolicySet, desired: Desired): readonly Finding[] {
  const found: Finding[] = [];
  const aboutComments: Finding[] = [];
  lintObjectives(set, desired, (finding) => void found.push(finding));
  lintExposure(set, desired, (finding) => void found.push(finding));
  lintEncryption(set, (finding) => void found.push(finding));
  return [...applySuppressions(sources, found, (finding) => void aboutComments.push(finding)), ...aboutComments];
}

function isError({ code }: Finding): boolean {
  return DIAGNOSTICS[code].severity === 'error';
}

function unreadableFinding({ file, message, hint }: Unreadable): Finding {
  const source = new PolicySource({ file, folder: '/', text: '' });
  return { code: 'HRD001', source, range: { start: 0, end: 0 }, message, hint, place: 'file' };
}

function summaryOf({ source, range, kind, name }: PolicyDocument): DocumentSummary {
  return {
    file: source.file,
    line: source.positionOf(range.start).line,
    endLine: source.positionOf(range.end).line,
    kind,
    name,
  };
}
