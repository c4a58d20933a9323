import { bytesOf } from '../../src/domain/bytes.ts';
import { repositoryName, siteName } from '../../src/domain/desired.ts';
import { backupId } from '../../src/domain/observed.ts';
import type { PlannedAction } from '../../src/domain/plan.ts';

type Given = Partial<Omit<PlannedAction, 'site' | 'repository'>> & {
  readonly site?: string;
  readonly repository?: string;
};

/** An action for tests: what is not given is filled in from the risk. */
export function plannedAction(given: Given = {}): PlannedAction {
  const { site = 'orders', repository = 'main', ...rest } = given;
  const destructive = given.risk === 'destructive';
  return {
    id: destructive ? 'backup.prune:orders:main:old' : 'backup.take:orders:main:first',
    target: destructive ? 'old' : 'a first backup',
    risk: 'additive',
    reasonCode: destructive ? 'retention' : 'no-backup',
    reason: destructive ? 'no rule keeps it' : 'the repository holds no backup of the site',
    estimate: { bytes: bytesOf(1024), requests: 4 },
    dependsOn: [],
    blockedBy: [],
    inputs: 'inputs',
    work: destructive ? { kind: 'backup.prune', backup: backupId('old') } : { kind: 'backup.take', slot: undefined },
    ...rest,
    site: siteName(site),
    repository: repositoryName(repository),
  };
}
