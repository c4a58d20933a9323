import type { ReportedEvent, Reporter } from '../../src/telemetry/reporter.ts';

/** A reporter that keeps what it is told. */
export interface Recorder extends Reporter {
  readonly events: readonly ReportedEvent[];
}

export function createRecorder(): Recorder {
  const events: ReportedEvent[] = [];
  return { events, report: (event) => void events.push(event) };
}
