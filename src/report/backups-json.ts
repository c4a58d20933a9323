import type { RepositoryName, SiteName } from '../domain/desired.ts';
import { formatInstant } from '../domain/instant.ts';
import { formatLsn } from '../domain/lsn.ts';
import type { ObservedRepository, StoredBackup, StoredProof } from '../domain/observed.ts';
import type { RecoveryWindow } from '../domain/recovery-window.ts';
import type { BackupReport, BackupsReport, ProofReport } from '../policy/generated/backups-report.ts';

/** The backups of one site in one repository, as observed, with what can be restored. */
export interface BackupsView {
  readonly site: SiteName;
  readonly repository: RepositoryName;
  readonly observed: ObservedRepository;
  readonly window: RecoveryWindow;
}

/** The document of schema/backups.schema.json. */
export function renderBackupsDocument(views: readonly BackupsView[]): BackupsReport {
  return { formatVersion: '1.0', backups: backupReports(views) };
}

/** All backups of all views, newest first. */
export function backupReports(views: readonly BackupsView[]): BackupReport[] {
  return views
    .flatMap((view) => view.observed.backups.map((backup) => backupReport(view, backup)))
    .toSorted((a, b) => (a.startTime < b.startTime ? 1 : a.startTime > b.startTime ? -1 : a.id < b.id ? 1 : -1));
}

function backupReport(view: BackupsView, backup: StoredBackup): BackupReport {
  const { observed, repository, site, window } = view;
  const unrestorable = window.unrestorable.find((each) => each.backup === backup.id);
  const proof = observed.proofs.filter((each) => each.backup === backup.id).toSorted((a, b) => b.at - a.at)[0];
  return {
    id: backup.id,
    site,
    repository,
    method: backup.method,
    version: backup.version,
    systemIdentifier: backup.systemIdentifier,
    timeline: backup.timeline,
    startLsn: formatLsn(backup.startLsn),
    stopLsn: formatLsn(backup.stopLsn),
    startTime: formatInstant(backup.startTime),
    stopTime: formatInstant(backup.stopTime),
    bytes: backup.bytes,
    storedBytes: backup.storedBytes,
    carriesWal: backup.carriesWal,
    restorable: unrestorable === undefined,
    reason: unrestorable?.reason ?? null,
    holds: observed.holds
      .filter((hold) => hold.backup === backup.id)
      .map(({ reason, until }) => ({ reason, until: until === undefined ? null : formatInstant(until) })),
    lastProof: proof === undefined ? null : proofReport(proof, repository),
  };
}

export function proofReport(proof: StoredProof, repository: RepositoryName): ProofReport {
  return {
    at: formatInstant(proof.at),
    repository,
    backup: proof.backup,
    durationSeconds: proof.durationMilliseconds / 1000,
    reachedLsn: formatLsn(proof.reachedLsn),
  };
}
