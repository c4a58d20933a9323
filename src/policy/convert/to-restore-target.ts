import { type DesiredSite, repositoryName } from '../../domain/desired.ts';
import type {
  DesiredCheck,
  DesiredRecovery,
  DesiredRecoveryTarget,
  DesiredRestoreTarget,
} from '../../domain/desired-restore-target.ts';
import { parseDuration } from '../../domain/duration.ts';
import { unreachable } from '../../domain/failure.ts';
import { parsePreciseInstant } from '../../domain/instant.ts';
import { parseLsn } from '../../domain/lsn.ts';
import { restoreTargetName } from '../../domain/policy-name.ts';
import type { Check, DrillRecovery, Recovery, RestoreTarget, RestoreTargetSpec } from '../generated/documents.ts';
import { DEFAULTS } from './defaults.ts';
import { optional, type ResolvePath, toConnection } from './reference.ts';
import { toSchedule } from './to-policy.ts';

export function toRestoreTarget(
  { metadata, spec }: RestoreTarget,
  site: DesiredSite,
  resolve: ResolvePath,
): DesiredRestoreTarget {
  const common = {
    name: restoreTargetName(metadata.name),
    site: site.name,
    host: spec.host,
    repositories: spec.repositories?.map(repositoryName) ?? site.repositories,
    binDirectory: spec.binDirectory ?? site.binDirectory,
    tablespaces: new Map(Object.entries(spec.tablespaces ?? {})),
  };
  return { ...common, ...ofRole(spec, resolve) };
}

type OfRole<T> = T extends DesiredRestoreTarget
  ? Omit<T, 'name' | 'site' | 'host' | 'repositories' | 'binDirectory' | 'tablespaces'>
  : never;

function ofRole(spec: RestoreTargetSpec, resolve: ResolvePath): OfRole<DesiredRestoreTarget> {
  switch (spec.role) {
    case 'standby':
      return {
        role: 'standby',
        dataDirectory: spec.dataDirectory,
        primary: optional(spec.primary, (primary) => toConnection(primary, resolve)),
        timeline: toTimeline(spec.recovery?.timeline),
        start: spec.start ?? DEFAULTS.target.start,
      };
    case 'clone':
      return {
        role: 'clone',
        dataDirectory: spec.dataDirectory,
        recovery: toRecovery(spec.recovery ?? {}),
        start: spec.start ?? DEFAULTS.target.start,
      };
    case 'drill':
      return {
        role: 'drill',
        dataDirectory: spec.dataDirectory,
        schedule: optional(spec.schedule, toSchedule),
        recovery: toRecovery(spec.recovery ?? {}),
        checks: spec.checks?.map(toCheck) ?? [],
      };
    default:
      return unreachable(spec);
  }
}

function toRecovery(recovery: Recovery | DrillRecovery): DesiredRecovery {
  return {
    target: toTarget(recovery),
    timeline: toTimeline(recovery.timeline),
    action: recovery.action ?? DEFAULTS.recovery.action,
  };
}

function toTarget(recovery: Recovery | DrillRecovery): DesiredRecoveryTarget {
  const inclusive = recovery.inclusive ?? DEFAULTS.recovery.inclusive;
  if (recovery.time === 'random') return { kind: 'random' };
  if (recovery.time !== undefined) return { kind: 'time', ...parsePreciseInstant(recovery.time), inclusive };
  if (recovery.lsn !== undefined) return { kind: 'lsn', lsn: parseLsn(recovery.lsn), inclusive };
  if (recovery.xid !== undefined) return { kind: 'xid', xid: String(recovery.xid), inclusive };
  if (recovery.name !== undefined) return { kind: 'name', name: recovery.name };
  return recovery.immediate === true ? { kind: 'immediate' } : { kind: 'latest' };
}

function toTimeline(written: 'latest' | 'current' | number | undefined): 'latest' | 'current' | number {
  return written ?? DEFAULTS.recovery.timeline;
}

function toCheck(check: Check): DesiredCheck {
  const { name, database } = check;
  const timeout = optional(check.timeout, parseDuration) ?? DEFAULTS.check.timeout;
  return check.sql === undefined
    ? { kind: 'amcheck', name, database, timeout }
    : { kind: 'sql', name, database, sql: check.sql, timeout };
}
