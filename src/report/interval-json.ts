import { formatInstant } from '../domain/instant.ts';
import { formatLsn } from '../domain/lsn.ts';
import type { RecoveryInterval } from '../domain/recovery-window.ts';
import type { RecoveryIntervalReport } from '../policy/generated/status-report.ts';

/** An interval of the recovery window as plan and status print it. */
export function intervalReport(interval: RecoveryInterval): RecoveryIntervalReport {
  return {
    timeline: interval.timeline,
    fromLsn: formatLsn(interval.fromLsn),
    toLsn: formatLsn(interval.toLsn),
    fromTime: formatInstant(interval.fromTime),
    toTime: formatInstant(interval.toTime),
  };
}
