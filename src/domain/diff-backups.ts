import { bytesOf } from './bytes.ts';
import { canonicalText } from './canonical.ts';
import { foreignBlockers, modeBlockers, type RepositoryContext, unknownClusterBlockers } from './diff-context.ts';
import { durationOf } from './duration.ts';
import { formatInstant, type Instant } from './instant.ts';
import type { StoredBackup } from './observed.ts';
import type { Blocker, PlannedAction, ReasonCode } from './plan.ts';
import { followPath } from './recovery-path.ts';
import { latestSlot } from './schedule.ts';
import { segmentName } from './segment.ts';
import type { TimelineId } from './timeline.ts';
import { consistencyRange, whyUnrestorable } from './unrestorable.ts';
import { missingIn } from './wal-index.ts';

interface BackupNeed {
  readonly reasonCode: ReasonCode;
  readonly reason: string;
  readonly slot: Instant | undefined;
  /** Ends the action's id: the same as long as the need is the same. */
  readonly key: string;
}

/**
 * The backup that the repository is due, if any. Level-triggered: however many slots were missed, one backup. Nothing is due without
 * a schedule.
 */
export function planBackup(context: RepositoryContext): readonly PlannedAction[] {
  const need = backupNeed(context);
  if (!need) return [];
  const { site, name, cluster } = context;
  const newest = newestBackup(context);
  const bytes = newest?.storedBytes ?? (cluster.kind === 'known' ? cluster.value.dataBytes : bytesOf(0));
  return [
    {
      id: `backup.take:${site.name}:${name}:${need.key}`,
      site: site.name,
      repository: name,
      target: need.slot === undefined ? 'a backup' : `the backup of ${formatInstant(need.slot)}`,
      risk: 'additive',
      reasonCode: need.reasonCode,
      reason: need.reason,
      estimate: { bytes, requests: requestsFor(bytes) },
      dependsOn: [],
      blockedBy: backupBlockers(context),
      inputs: canonicalText({
        need: need.key,
        newest: newest?.id,
        system: cluster.kind === 'known' ? cluster.value.systemIdentifier : undefined,
        method: site.policy.backup.method,
        wal: site.policy.wal.method,
      }),
      work: { kind: 'backup.take', slot: need.slot },
    },
  ];
}

/**
 * The newest backup by start time. One dated in the future (a clock was wrong) does not count: it would keep the next from being
 * taken until then.
 */
export function newestBackup({
  repository,
  now,
}: Pick<RepositoryContext, 'repository' | 'now'>): StoredBackup | undefined {
  return repository.backups
    .filter((backup) => backup.startTime <= now)
    .reduce<StoredBackup | undefined>(
      (newest, backup) => (newest && newest.startTime > backup.startTime ? newest : backup),
      undefined,
    );
}

function backupNeed(context: RepositoryContext): BackupNeed | undefined {
  const { site, name, repository, now } = context;
  const { schedule } = site.policy.backup;
  if (schedule === undefined) return undefined;
  if (repository.backups.length === 0) {
    return {
      reasonCode: 'no-backup',
      reason: `repository "${name}" holds no backup of the site`,
      slot: undefined,
      key: 'first',
    };
  }
  const newest = newestBackup(context);
  const slot = latestSlot(schedule, now);
  if (slot !== undefined && (newest === undefined || newest.startTime < slot)) {
    const last = newest ? `the newest is of ${formatInstant(newest.startTime)}` : 'there is none before now';
    return {
      reasonCode: 'backup-due',
      reason: `a backup was due at ${formatInstant(slot)}, ${last}`,
      slot,
      // Not the slot: however many come until it is carried out, it is one need, and what was planned for the first serves the last.
      key: 'due',
    };
  }
  return newest && needAfter(context, newest);
}

/** Why the newest backup does not do, although no slot has come since. */
function needAfter(context: RepositoryContext, newest: StoredBackup): BackupNeed | undefined {
  const { window, cluster, name } = context;
  if (isHopeless(context, newest)) {
    const reason = `backup ${newest.id} cannot be restored: ${whyUnrestorable(window.wal, newest)}`;
    return { reasonCode: 'backup-unrestorable', reason, slot: undefined, key: `instead-of-${newest.id}` };
  }
  const hole = holeAfter(context, newest);
  if (hole !== undefined) {
    const reason = `WAL segment ${hole} is missing in "${name}" after the newest backup, so that what was archived since cannot be used`;
    return { reasonCode: 'wal-gap', reason, slot: undefined, key: `after-${hole}` };
  }
  const timeline = cluster.kind === 'known' ? cluster.value.timeline : undefined;
  if (timeline === undefined || leadsTo(context, timeline)) return undefined;
  const reason = `the cluster is on timeline ${timeline}, to which no backup in "${name}" leads`;
  return { reasonCode: 'timeline-unreachable', reason, slot: undefined, key: `timeline-${timeline}` };
}

/** Some backup can be followed by the WAL of the timeline. Only a stored history proves that none can: before it has come, any may. */
function leadsTo({ repository, window }: RepositoryContext, timeline: TimelineId): boolean {
  if (!repository.histories.has(timeline)) return true;
  return repository.backups.some((backup) => followPath(window.wal, backup, timeline).kind !== 'off-path');
}

// Segments arrive a little out of order when they are pushed in parallel; a hole is believed after this time.
const GRACE = durationOf(15 * 60_000);

/**
 * Name of the segment at which every restore from the backup ends although later ones have long been stored; only another backup
 * makes the window go on. Undefined where there is none, or where it may still come.
 */
function holeAfter({ window, cluster, host, size, now }: RepositoryContext, backup: StoredBackup): string | undefined {
  if (host?.kind === 'unknown' || !window.restorable.has(backup.id)) return undefined;
  const timeline = cluster.kind === 'known' ? cluster.value.timeline : backup.timeline;
  const way = followPath(window.wal, backup, timeline);
  if (way.kind !== 'open') return undefined;
  const { missing } = way.reach;
  const stored = window.wal.indexes.get(missing.timeline)?.segments ?? [];
  const isPassed = stored.some(({ number, storedAt }) => number > missing.number && now - storedAt >= GRACE);
  const name = segmentName(missing, size);
  return isPassed && !host?.value.ready.includes(name) ? name : undefined;
}

/** The backup cannot be restored, and the WAL that it lacks will not come: it was passed over, or conflicts with what is stored. */
function isHopeless({ window, host, size, now }: RepositoryContext, backup: StoredBackup): boolean {
  if (window.restorable.has(backup.id)) return false;
  // Packs are stored before the backup counts: one that is missing will not come any more.
  if (window.wal.damaged.has(backup.id)) return true;
  if (now - backup.stopTime < GRACE) return false;
  // Without a look at the archiver's queue nobody knows what may still come from it.
  if (host?.kind === 'unknown') return false;
  const index = window.wal.indexes.get(backup.timeline);
  const range = consistencyRange(window.wal, backup);
  if (!index) return false;
  if ([...index.conflicts].some((number) => number >= range.first && number <= range.last)) return true;
  const queued = new Set(host?.value.ready);
  const lastStored = index.runs.at(-1)?.last ?? -1;
  return missingIn(index, range).some(
    ({ first }) => first < lastStored && !queued.has(segmentName({ timeline: backup.timeline, number: first }, size)),
  );
}

function backupBlockers(context: RepositoryContext): readonly Blocker[] {
  return [
    ...modeBlockers(context.site),
    ...unknownClusterBlockers(context),
    ...foreignBlockers(context),
    ...unsupportedBlockers(context),
    ...sourceBlockers(context),
  ];
}

function unsupportedBlockers({ site }: RepositoryContext): readonly Blocker[] {
  const { backup, wal } = site.policy;
  const blockers: Blocker[] = [];
  const refuse = (what: string, instead: string): void => {
    blockers.push({ code: 'unsupported', message: `this version cannot do ${what} yet; declare ${instead}` });
  };
  if (backup.method === 'local' || backup.method === 'sql') refuse(`backup.method: ${backup.method}`, 'auto or stream');
  if (backup.from === 'standby') refuse('backup.from: standby', 'primary or prefer-standby');
  if (wal.method === 'stream' || wal.method === 'pg-receivewal')
    refuse(`wal.method: ${wal.method}`, 'archive-command or none');
  return blockers;
}

/** Guards that rest on how the cluster is set up. */
function sourceBlockers({ site, cluster }: RepositoryContext): readonly Blocker[] {
  if (cluster.kind === 'unknown') return [];
  const { role, archiving } = cluster.value;
  if (role === 'standby') {
    // A standby's own archiving says nothing about its primary's.
    return [{ code: 'unknown-cluster', message: 'only a standby answers, and this version backs up the primary' }];
  }
  if (site.policy.wal.method !== 'archive-command') return [];
  if (archiving.mode === 'off') {
    const message =
      "archive_mode is off, so the backup's WAL would never be stored: set archive_mode = on and archive_command = 'hoard -f POLICIES wal push %p', and restart PostgreSQL";
    return [{ code: 'archiving-off', message }];
  }
  if (archiving.configured) return [];
  const message =
    "archive_command is empty, so the backup's WAL would never be stored: set archive_command = 'hoard -f POLICIES wal push %p' and reload";
  return [{ code: 'archiving-off', message }];
}

// Packs of some 64 MiB, then manifest, marker and the listings around them.
const PACK = 64 * 1024 ** 2;
const requestsFor = (bytes: number): number => Math.ceil(bytes / PACK) + 6;
