import type { Diagnostic } from '../policy/diagnostic.ts';
import { DIAGNOSTICS, type DiagnosticCode } from '../policy/diagnostic-codes.ts';

/**
 * Diagnostics as a SARIF 2.1.0 log with one run (OASIS Standard, sarif-v2.1.0), for code scanning. Relative files are relative to the
 * root of the sources, which is where such tools run.
 */
export function renderSarifDocument(diagnostics: readonly Diagnostic[], version: string): SarifLog {
  const codes = [...new Set(diagnostics.map(({ code }) => code))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'hoard', semanticVersion: version, rules: codes.map(ruleOf) } },
        columnKind: 'utf16CodeUnits',
        results: diagnostics.map((diagnostic) => resultOf(diagnostic, codes.indexOf(diagnostic.code))),
      },
    ],
  };
}

export interface SarifLog {
  readonly $schema: string;
  readonly version: '2.1.0';
  readonly runs: readonly [
    {
      readonly tool: {
        readonly driver: {
          readonly name: string;
          readonly semanticVersion: string;
          readonly rules: readonly SarifRule[];
        };
      };
      readonly columnKind: 'utf16CodeUnits';
      readonly results: readonly SarifResult[];
    },
  ];
}

interface SarifRule {
  readonly id: DiagnosticCode;
  readonly shortDescription: { readonly text: string };
  readonly fullDescription: { readonly text: string };
  readonly defaultConfiguration: { readonly level: 'error' | 'warning' };
}

interface SarifResult {
  readonly ruleId: DiagnosticCode;
  readonly ruleIndex: number;
  readonly level: 'error' | 'warning';
  readonly message: { readonly text: string };
  readonly locations: readonly [
    {
      readonly physicalLocation: {
        readonly artifactLocation: { readonly uri: string };
        readonly region: {
          readonly startLine: number;
          readonly startColumn: number;
          readonly endLine: number;
          readonly endColumn: number;
        };
      };
    },
  ];
  readonly partialFingerprints: { readonly 'hoardDiagnostic/v1': string };
}

function ruleOf(code: DiagnosticCode): SarifRule {
  const { severity, title, explanation } = DIAGNOSTICS[code];
  return {
    id: code,
    shortDescription: { text: title },
    fullDescription: { text: explanation },
    defaultConfiguration: { level: severity },
  };
}

function resultOf(diagnostic: Diagnostic, ruleIndex: number): SarifResult {
  const { code, severity, message, hint, line, column, endLine, endColumn, fingerprint } = diagnostic;
  return {
    ruleId: code,
    ruleIndex,
    level: severity,
    message: { text: hint === undefined ? message : `${message} (${hint})` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(diagnostic.file) },
          region: { startLine: line, startColumn: column, endLine, endColumn },
        },
      },
    ],
    partialFingerprints: { 'hoardDiagnostic/v1': fingerprint },
  };
}

function uriOf(file: string): string {
  const path = file
    .split('/')
    .map((part) => encodeURIComponent(part))
    .join('/');
  return path.startsWith('/') ? `file://${path}` : path;
}
