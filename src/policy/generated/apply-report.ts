// Generated from schema/apply.schema.json by scripts/generate-types.ts; do not edit.

/**
 * What `hoard apply --output json` prints. Readers must ignore fields that they do not know.
 */
export interface ApplyReport {
  /**
   * major.minor; a new minor only adds fields.
   */
  formatVersion: string;
  /**
   * ISO 8601, UTC.
   */
  startedAt: string;
  /**
   * ISO 8601, UTC.
   */
  endedAt: string;
  /**
   * With which status hoard ends.
   */
  exitStatus: number;
  /**
   * In the order in which they came up; empty where there was nothing to do.
   */
  actions: ExecutedActionReport[];
  /**
   * What else is worth saying.
   */
  notes: string[];
}
export interface ExecutedActionReport {
  id: string;
  /**
   * As in a plan.
   */
  kind: string;
  site: string;
  repository: string;
  target: string;
  risk: 'additive' | 'destructive';
  /**
   * vanished: no longer needed. changed: rests on other facts by now, left to the next apply. blocked: by a guard. refused: not approved. skipped: waits for one that did not succeed.
   */
  outcome: 'done' | 'failed' | 'vanished' | 'changed' | 'blocked' | 'refused' | 'skipped';
  message: string;
  error: {
    code: string;
    message: string;
    hint: string | null;
  } | null;
}
