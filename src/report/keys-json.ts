import { formatInstant } from '../domain/instant.ts';
import { type DeclaredKeys, keyNeedOf, walKeyNeedOf } from '../domain/key-needs.ts';
import type { ObservedRepository, StoredBackup, WalRecipients } from '../domain/observed.ts';
import type {
  BackupKeysReport,
  DeclaredKeyReport,
  KeysReport,
  RepositoryKeysReport,
  WalKeysReport,
} from '../policy/generated/keys-report.ts';

/** A repository with its keys, and what it holds, as far as it was read. */
export interface RepositoryKeysView {
  readonly name: string;
  readonly encrypted: boolean;
  readonly keys: readonly DeclaredKeys[];
  readonly stored: readonly (Pick<ObservedRepository, 'backups' | 'walRecipients'> & { readonly site: string })[];
}

/** The document of schema/keys.schema.json. */
export function renderKeysDocument(views: readonly RepositoryKeysView[]): KeysReport {
  return {
    formatVersion: '1.0',
    repositories: views.map(
      ({ name, encrypted, keys }): RepositoryKeysReport => ({
        name,
        encrypted,
        keys: keys.flatMap((each) => keyReports(each)),
      }),
    ),
    backups: views
      .flatMap((view) =>
        view.stored.flatMap(({ site, backups }) => backups.map((backup) => backupReport(view, site, backup))),
      )
      .toSorted((a, b) => (a.startTime < b.startTime ? 1 : a.startTime > b.startTime ? -1 : a.id < b.id ? 1 : -1)),
    wal: views.flatMap((view) =>
      view.stored.flatMap(({ site, backups, walRecipients }) =>
        walRecipients.map((set) => walReport(view, site, backups, set)),
      ),
    ),
  };
}

function keyReports({ role, where, keys, failure }: DeclaredKeys): readonly DeclaredKeyReport[] {
  const reason = failure?.message ?? null;
  if (keys.length === 0) return [{ role, where, usable: false, reason, fingerprint: null, owner: null, expires: null }];
  return keys.map(({ fingerprint, owner = null, expires }) => ({
    role,
    where,
    usable: failure === undefined,
    reason,
    fingerprint,
    owner,
    expires: expires === undefined ? null : formatInstant(expires),
  }));
}

function backupReport({ name, keys }: RepositoryKeysView, site: string, backup: StoredBackup): BackupKeysReport {
  const { recipients, retired = null, opensHere = null } = keyNeedOf(backup, keys);
  return {
    id: backup.id,
    site,
    repository: name,
    startTime: formatInstant(backup.startTime),
    encrypted: backup.encryption !== undefined,
    recipients: [...recipients],
    signer: backup.encryption?.signer ?? null,
    onlyRetired: retired,
    opensHere,
  };
}

function walReport(
  { name, keys }: RepositoryKeysView,
  site: string,
  backups: readonly StoredBackup[],
  set: WalRecipients,
): WalKeysReport {
  const { recipients, retired = null, opensHere = null } = walKeyNeedOf(set, backups, keys);
  const { files, first, last } = set;
  return {
    site,
    repository: name,
    files,
    first,
    last,
    recipients: recipients.map(({ fingerprint = null, ...rest }) => ({ ...rest, fingerprint })),
    onlyRetired: retired,
    opensHere,
  };
}
