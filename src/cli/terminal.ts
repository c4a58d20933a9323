import type { BarTerminal } from '../telemetry/bar-reporter.ts';
import type { Redactor } from '../telemetry/redact.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Colour only on a terminal that can show it, and never where NO_COLOR is set to anything (no-color.org). */
export function wantsColor(environment: Environment, isTerminal: boolean): boolean {
  return isTerminal && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
}

/** Bars need a terminal whose cursor can be moved. */
export function canDrawBars(environment: Environment, isTerminal: boolean): boolean {
  return isTerminal && environment['TERM'] !== 'dumb' && !environment['CI'];
}

export function barTerminal(
  stream: { readonly columns?: number; readonly rows?: number; write(text: string): unknown },
  environment: Environment,
  redactor: Redactor,
): BarTerminal {
  return {
    write: (text) => void stream.write(redactor.text(text)),
    size: () => ({ columns: stream.columns ?? 80, rows: stream.rows ?? 24 }),
    color: wantsColor(environment, true),
  };
}
