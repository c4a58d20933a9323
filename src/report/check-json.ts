import type { CheckedSubject } from '../domain/check.ts';
import type { CheckReport } from '../policy/generated/check-report.ts';

/** The document of `hoard check --output json`. */
export function renderCheckDocument(subjects: readonly CheckedSubject[]): CheckReport {
  const checked = subjects.map(({ kind, name, where, steps }) => ({
    kind,
    name,
    where,
    steps: steps.map((step) => ({
      name: step.name,
      state: step.state,
      message: step.message,
      hint: step.hint ?? null,
      code: step.code ?? null,
    })),
  }));
  const ok = subjects.every(({ steps }) => steps.every(({ state }) => state !== 'failed'));
  return { formatVersion: '1.0', ok, checked };
}
