import { repositoryName } from '../../src/domain/desired.ts';
import type { StoredBackup } from '../../src/domain/observed.ts';
import { timelineId } from '../../src/domain/timeline.ts';
import { observeOwner } from '../../src/repository/lease-owner.ts';
import type { SiteRepository } from '../../src/repository/site-repository.ts';
import type { RestoreOrder } from '../../src/restore/restore.ts';
import { systemClock } from '../../src/telemetry/system-effects.ts';
import { createRecorder } from './recorder.ts';
import { calm } from './temporary-repository.ts';

/** An order for a restore of `backup` from the first repository, with the others to help. */
export async function restoreOrder(
  backup: StoredBackup,
  repositories: readonly SiteRepository[],
  dataDirectory: string,
  over: Partial<RestoreOrder> = {},
): Promise<RestoreOrder> {
  const [first, ...others] = repositories.map((repo) => repo.name);
  return {
    choice: {
      target: { kind: 'latest' },
      backup,
      repository: first ?? repositoryName('none'),
      alternatives: others,
      timeline: timelineId(1),
      reach: { lsn: backup.stopLsn, time: backup.stopTime },
      notes: [],
    },
    repositories,
    dataDirectory,
    tablespaces: new Map(),
    standby: false,
    settings: { action: 'promote', restoreCommand: ['/bin/false'], archiveOff: false, more: new Map() },
    owner: await observeOwner(process.pid),
    effects: { clock: systemClock, reporter: createRecorder(), signal: calm() },
    ...over,
  };
}
