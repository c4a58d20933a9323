import type { ValidateReport } from '../policy/generated/validate-report.ts';
import type { LoadedPolicies } from '../policy/load-policies.ts';

/** The document of `hoard validate --output json` (schema/validate.schema.json). */
export function renderValidateDocument({
  diagnostics,
  documents,
}: Pick<LoadedPolicies, 'diagnostics' | 'documents'>): ValidateReport {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  return {
    formatVersion: '1.0',
    valid: errors === 0,
    summary: { documents: documents.length, errors, warnings: diagnostics.length - errors },
    diagnostics: diagnostics.map(({ hint, frame: _frame, ...diagnostic }) => ({ ...diagnostic, hint: hint ?? null })),
  };
}
