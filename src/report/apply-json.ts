import { unreachable } from '../domain/failure.ts';
import { formatInstant, type Instant } from '../domain/instant.ts';
import type { ExecutedAction } from '../domain/outcome.ts';
import type { ApplyReport, ExecutedActionReport } from '../policy/generated/apply-report.ts';

/** The document of schema/apply.schema.json. */
export function renderApplyDocument(result: {
  readonly executed: readonly ExecutedAction[];
  readonly notes: readonly string[];
  readonly startedAt: Instant;
  readonly endedAt: Instant;
  readonly status: number;
}): ApplyReport {
  return {
    formatVersion: '1.0',
    startedAt: formatInstant(result.startedAt),
    endedAt: formatInstant(result.endedAt),
    exitStatus: result.status,
    actions: result.executed.map(executedReport),
    notes: [...result.notes],
  };
}

function executedReport(executed: ExecutedAction): ExecutedActionReport {
  const { id, site, repository, target, risk, work } = executed.action;
  const outcome = executed.outcome.kind;
  const failure = executed.outcome.kind === 'failed' ? executed.outcome.failure : undefined;
  const error = failure && { code: failure.code, message: failure.message, hint: failure.hint ?? null };
  const message = messageOf(executed);
  return { id, kind: work.kind, site, repository, target, risk, outcome, message, error: error ?? null };
}

function messageOf({ action, outcome }: ExecutedAction): string {
  switch (outcome.kind) {
    case 'done':
      return outcome.summary;
    case 'failed':
      return outcome.failure.message;
    case 'blocked':
      return action.blockedBy.map(({ message }) => message).join('; ');
    case 'refused':
    case 'skipped':
    case 'changed':
    case 'vanished':
      return outcome.because;
    default:
      return unreachable(outcome);
  }
}
