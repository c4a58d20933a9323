import path from 'node:path';
import { type BackupRequest, takeBackup } from '../../src/backup/take-backup.ts';
import type { DesiredConnection, DesiredSite } from '../../src/domain/desired.ts';
import { siteName } from '../../src/domain/desired.ts';
import { durationOf } from '../../src/domain/duration.ts';
import { createSecretResolver } from '../../src/policy/secret-resolver.ts';
import type { BackupMarker } from '../../src/repository/backup-marker.ts';
import { acquireLease } from '../../src/repository/lease.ts';
import { observeOwner } from '../../src/repository/lease-owner.ts';
import { observeRepository } from '../../src/repository/observe-repository.ts';
import type { SiteRepository } from '../../src/repository/site-repository.ts';
import type { Reporter } from '../../src/telemetry/reporter.ts';
import { createSystemEffects } from '../../src/telemetry/system-effects.ts';
import { createRecorder } from './recorder.ts';
import { calm } from './temporary-repository.ts';

export type WalMethod = DesiredSite['policy']['wal']['method'];

/** A site as the policies would declare it, with one connection. */
export function siteFor(
  connections: readonly DesiredConnection[],
  change: { readonly wal?: WalMethod; readonly backup?: Partial<DesiredSite['policy']['backup']> } = {},
): DesiredSite {
  return {
    name: siteName('orders'),
    mode: 'enforce',
    policyName: 'gold',
    policy: {
      backup: { schedule: undefined, method: 'auto', from: 'prefer-standby', checksums: 'verify', ...change.backup },
      wal: { method: change.wal ?? 'archive-command', require: 'all', partial: undefined, pauseBelow: undefined },
      retention: {
        window: undefined,
        keep: {
          last: 1,
          within: undefined,
          hourly: undefined,
          daily: undefined,
          weekly: undefined,
          monthly: undefined,
          yearly: undefined,
        },
        minimum: 1,
        maximum: undefined,
        prune: 'auto',
        budget: { percent: 50 },
      },
      objectives: { rpo: undefined, rto: undefined, provenWithin: undefined },
    },
    repositories: [],
    connections,
    dataDirectory: undefined,
    binDirectory: undefined,
  };
}

/** One whole run as the executor does it: lease, observation, backup. */
export async function runBackup(
  repo: SiteRepository,
  site: DesiredSite,
  options: { readonly reporter?: Reporter; readonly signal?: AbortSignal } & Pick<BackupRequest, 'walPatience'> = {},
): Promise<BackupMarker> {
  const { reporter = createRecorder(), signal = calm(), ...rest } = options;
  const owner = await observeOwner(process.pid);
  await using lease = await acquireLease(repo, { owner, waitFor: durationOf(0), signal, reporter });
  return await takeBackup({
    site,
    repo,
    observed: await observeRepository(repo, signal),
    lease,
    effects: createSystemEffects({ environment: {}, reporter, signal }),
    secrets: createSecretResolver({}),
    toolVersion: '0.1.0-test',
    ...rest,
  });
}

/** archive_command that stores into a test repository of site `orders`. */
export function archiveCommand(directory: string): string {
  return `'${process.execPath}' '${path.join(import.meta.dirname, 'archive-process.ts')}' '${directory}' "%p"`;
}
