import { bytesOf } from '../../src/domain/bytes.ts';
import { repositoryName, siteName } from '../../src/domain/desired.ts';
import { parseInstant } from '../../src/domain/instant.ts';
import { parseLsn } from '../../src/domain/lsn.ts';
import { backupId } from '../../src/domain/observed.ts';
import type { Plan, PlannedSite } from '../../src/domain/plan.ts';
import type { RecoveryInterval } from '../../src/domain/recovery-window.ts';
import { segmentNumber } from '../../src/domain/segment.ts';
import { timelineId } from '../../src/domain/timeline.ts';
import { plannedAction } from './planned-action.ts';

const OLD_BACKUP = backupId('20261101T020000Z-0a1b2c3d');
const NEW_BACKUP = backupId('20261121T020000Z-4e5f6a7b');

const interval = (fromLsn: string, toLsn: string, from: string, to: string): RecoveryInterval => ({
  timeline: timelineId(1),
  fromLsn: parseLsn(fromLsn),
  toLsn: parseLsn(toLsn),
  fromTime: parseInstant(from),
  toTime: parseInstant(to),
  backups: [NEW_BACKUP],
});

const WHOLE = interval('0/3000028', '0/9A000000', '2026-11-01T02:04:10Z', '2026-11-22T09:14:03Z');
const SHORTER = interval('0/80000028', '0/9A000000', '2026-11-21T02:03:55Z', '2026-11-22T09:14:03Z');

export function plannedSite(name: string, given: Partial<Omit<PlannedSite, 'name'>> = {}): PlannedSite {
  const unchanged = new Map([[repositoryName('main'), [WHOLE]]]);
  return {
    name: siteName(name),
    converged: true,
    recoveryWindow: { before: unchanged, after: unchanged },
    findings: [],
    ...given,
  };
}

/** A plan with every kind of action, a blocked one, a finding, a site that could not be observed and a converged one. */
export function samplePlan(): Plan {
  const main = repositoryName('main');
  const offsite = repositoryName('offsite');
  const prune = plannedAction({
    id: `backup.prune:orders:main:${OLD_BACKUP}`,
    risk: 'destructive',
    target: OLD_BACKUP,
    reasonCode: 'retention',
    reason: 'it is older than the window of 14d, and no keep rule names it',
    estimate: { bytes: bytesOf(0), requests: 3 },
    work: { kind: 'backup.prune', backup: OLD_BACKUP },
  });
  return {
    createdAt: parseInstant('2026-11-22T09:15:00Z'),
    actions: [
      plannedAction({
        repository: 'offsite',
        id: 'backup.take:orders:offsite:first',
        reason: 'the repository holds no backup of the site',
        estimate: { bytes: bytesOf(26_738_688), requests: 12 },
        blockedBy: [
          { code: 'unknown-repository', message: 'the repository cannot be read | retry when <it> answers: `offsite`' },
        ],
      }),
      plannedAction({
        id: 'wal.archive:orders:main',
        target: '2 files',
        reasonCode: 'wal-ready',
        reason: 'the server has them ready and they are not stored',
        estimate: { bytes: bytesOf(33_554_432), requests: 6 },
        work: { kind: 'wal.archive', files: ['00000001000000000000009A', '00000001000000000000009B'] },
      }),
      prune,
      plannedAction({
        id: 'wal.prune:orders:main:00000001:3-127',
        risk: 'destructive',
        target: '000000010000000000000003 to 00000001000000000000007F',
        reasonCode: 'before-oldest-needed',
        reason: 'no kept backup needs it',
        estimate: { bytes: bytesOf(419_430_400), requests: 125 },
        dependsOn: [prune.id],
        work: { kind: 'wal.prune', timeline: timelineId(1), first: segmentNumber(3), last: segmentNumber(127) },
      }),
      plannedAction({
        id: 'orphan.remove:orders:main',
        risk: 'destructive',
        target: '1 pack',
        reasonCode: 'unreferenced',
        reason: 'no backup names it',
        estimate: { bytes: bytesOf(67_108_864), requests: 1 },
        work: { kind: 'orphan.remove', packs: [{ backup: OLD_BACKUP, number: 0 }], keys: [] },
      }),
    ],
    sites: [
      plannedSite('orders', {
        converged: false,
        recoveryWindow: {
          before: new Map([
            [main, [WHOLE]],
            [offsite, []],
          ]),
          after: new Map([
            [main, [SHORTER]],
            [offsite, []],
          ]),
        },
        findings: ['segment 000000010000000000000042 is stored with two contents; neither is used'],
      }),
      plannedSite('billing', { converged: false, findings: ['no connection of the site could be opened'] }),
      plannedSite('shop'),
    ],
  };
}

/** A fleet with nothing to do. */
export function convergedPlan(): Plan {
  return { createdAt: parseInstant('2026-11-22T09:15:00Z'), actions: [], sites: [plannedSite('shop')] };
}
