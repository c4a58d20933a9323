// Generated from schema/validate.schema.json by scripts/generate-types.ts; do not edit.

/**
 * What `hoard validate --output json` prints. Readers must ignore fields that they do not know.
 */
export interface ValidateReport {
  /**
   * major.minor; a new minor only adds fields.
   */
  formatVersion: string;
  /**
   * No diagnostic is an error.
   */
  valid: boolean;
  summary: {
    documents: number;
    errors: number;
    warnings: number;
  };
  /**
   * By file and position.
   */
  diagnostics: ValidateDiagnostic[];
}
export interface ValidateDiagnostic {
  /**
   * Stable. HRD0xx invalid, HRD1xx safety, HRD2xx cost, HRD3xx style.
   */
  code: string;
  severity: 'error' | 'warning';
  file: string;
  line: number;
  /**
   * In UTF-16 code units.
   */
  column: number;
  endLine: number;
  /**
   * Exclusive.
   */
  endColumn: number;
  message: string;
  /**
   * What to do.
   */
  hint: string | null;
  /**
   * The same for the same finding after lines have moved.
   */
  fingerprint: string;
}
