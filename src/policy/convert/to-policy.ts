import { type Bytes, bytesOf, parseBytes } from '../../domain/bytes.ts';
import { parseCron } from '../../domain/cron.ts';
import type { DesiredPolicy, RetentionPolicy } from '../../domain/desired.ts';
import { parseDuration } from '../../domain/duration.ts';
import type { Schedule as DesiredSchedule } from '../../domain/schedule.ts';
import type { Policy, Schedule } from '../generated/documents.ts';
import { DEFAULT_TIME_ZONE, timeOfDay } from '../meaning/read-schedule.ts';
import { DEFAULTS } from './defaults.ts';
import { optional } from './reference.ts';

export function toPolicy({ spec }: Policy): DesiredPolicy {
  return {
    backup: {
      schedule: optional(spec.backup?.schedule, toSchedule),
      method: spec.backup?.method ?? DEFAULTS.backup.method,
      from: spec.backup?.from ?? DEFAULTS.backup.from,
      checksums: spec.backup?.checksums ?? DEFAULTS.backup.checksums,
    },
    wal: toWal(spec.wal ?? {}),
    retention: toRetention(spec.retention ?? {}),
    objectives: {
      rpo: optional(spec.objectives?.rpo, parseDuration),
      rto: optional(spec.objectives?.rto, parseDuration),
      provenWithin: optional(spec.objectives?.provenWithin, parseDuration),
    },
  };
}

export function toSchedule(schedule: Schedule): DesiredSchedule {
  if (schedule.every !== undefined) {
    return { kind: 'every', every: parseDuration(schedule.every), at: timeOfDay(schedule.at) };
  }
  return { kind: 'cron', expression: parseCron(schedule.cron ?? ''), timeZone: schedule.timeZone ?? DEFAULT_TIME_ZONE };
}

function toWal(wal: NonNullable<Policy['spec']['wal']>): DesiredPolicy['wal'] {
  const method = wal.method ?? DEFAULTS.wal.method;
  const partial = optional(wal.partial, parseDuration) ?? (method === 'stream' ? DEFAULTS.wal.partial : undefined);
  return {
    method,
    require: wal.require ?? DEFAULTS.wal.require,
    partial,
    pauseBelow: optional(wal.pauseBelow, (pause) => {
      const free = parseBytes(pause.free);
      return {
        free,
        resumeAt: optional(pause.resumeAt, parseBytes) ?? later(free),
        checkEvery: optional(pause.checkEvery, parseDuration) ?? DEFAULTS.wal.checkEvery,
      };
    }),
  };
}

function later(free: Bytes): Bytes {
  return bytesOf(Math.ceil(free * DEFAULTS.wal.resumeFactor));
}

function toRetention(retention: NonNullable<Policy['spec']['retention']>): RetentionPolicy {
  const { window, keep, maximum } = retention;
  // Without any rule nothing says which backups are superfluous: keeping all is the only reading that loses nothing.
  const ruled = window !== undefined || keep !== undefined || maximum !== undefined;
  return {
    window: optional(window, parseDuration),
    keep: {
      last: keep?.last,
      within: optional(keep?.within, parseDuration),
      hourly: keep?.hourly,
      daily: keep?.daily,
      weekly: keep?.weekly,
      monthly: keep?.monthly,
      yearly: keep?.yearly,
    },
    minimum: retention.minimum ?? DEFAULTS.retention.minimum,
    maximum,
    prune: ruled ? (retention.prune ?? DEFAULTS.retention.prune) : 'never',
    budget: { percent: retention.budget?.percent ?? DEFAULTS.retention.budgetPercent },
  };
}
