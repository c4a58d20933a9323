import { bytesOf } from '../../src/domain/bytes.ts';
import { type DesiredSite, type RepositoryName, repositoryName, siteName } from '../../src/domain/desired.ts';
import { lsn } from '../../src/domain/lsn.ts';
import type { ObservedCluster, ObservedHost, ObservedRepository, ObservedSite } from '../../src/domain/observed.ts';
import { timelineId } from '../../src/domain/timeline.ts';
import { desiredSite } from './generated-history.ts';
import { hour, SIZE, SYSTEM } from './observed-repository.ts';

/** A site with one repository `main`, a schedule at 02:00 UTC+1, and a policy that keeps two backups; for tables of cases. */

export const MAIN: RepositoryName = repositoryName('main');

export interface PolicyChange {
  readonly backup?: Partial<DesiredSite['policy']['backup']>;
  readonly wal?: Partial<DesiredSite['policy']['wal']>;
  readonly retention?: Partial<DesiredSite['policy']['retention']>;
  readonly objectives?: Partial<DesiredSite['policy']['objectives']>;
}

const NO_RULES = {
  last: undefined,
  within: undefined,
  hourly: undefined,
  daily: undefined,
  weekly: undefined,
  monthly: undefined,
  yearly: undefined,
};

export function declared(policy: PolicyChange = {}, change: Partial<DesiredSite> = {}): DesiredSite {
  const site = desiredSite(
    {
      window: undefined,
      keep: { ...NO_RULES, last: 2 },
      minimum: 1,
      maximum: undefined,
      prune: 'auto',
      budget: { percent: 100 },
      ...policy.retention,
    },
    { repositories: [MAIN], ...change },
  );
  const { backup, wal, objectives } = site.policy;
  return {
    ...site,
    policy: {
      ...site.policy,
      backup: { ...backup, ...policy.backup },
      wal: { ...wal, ...policy.wal },
      objectives: { ...objectives, ...policy.objectives },
    },
  };
}

export function cluster(
  change: Partial<ObservedCluster> = {},
  archiving: Partial<ObservedCluster['archiving']> = {},
): ObservedCluster {
  return {
    role: 'primary',
    version: 180_000,
    systemIdentifier: SYSTEM,
    timeline: timelineId(1),
    segmentSize: SIZE,
    currentLsn: lsn(0n),
    dataBytes: bytesOf(1_000_000_000),
    archiving: {
      mode: 'on',
      configured: true,
      lastArchived: undefined,
      lastFailed: undefined,
      failedCount: 0,
      failing: false,
      ...archiving,
    },
    ...change,
  };
}

/** `undefined` for a part stands for an observation that failed. */
export function seen(parts: {
  readonly main?: ObservedRepository | undefined;
  readonly cluster?: ObservedCluster | undefined;
  readonly host?: ObservedHost | 'unknown';
}): ObservedSite {
  const unknown = { kind: 'unknown', reason: 'connection refused', at: hour(0) } as const;
  const known = <T>(value: T) => ({ kind: 'known', value, at: hour(0) }) as const;
  const found = 'cluster' in parts ? parts.cluster : cluster();
  return {
    site: siteName('orders'),
    cluster: found ? known(found) : unknown,
    repositories: new Map([[MAIN, parts.main ? known(parts.main) : unknown]]),
    host: parts.host === undefined ? undefined : parts.host === 'unknown' ? unknown : known(parts.host),
  };
}
