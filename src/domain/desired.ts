import type { Bytes } from './bytes.ts';
import type { DesiredConnection } from './desired-connection.ts';
import type { DesiredDaemon } from './desired-daemon.ts';
import type { DesiredRestoreTarget } from './desired-restore-target.ts';
import type { DesiredNotification, DesiredStorage } from './desired-storage.ts';
import type { Duration } from './duration.ts';
import type { RepositoryName, RestoreTargetName, SiteName } from './policy-name.ts';
import type { Schedule } from './schedule.ts';
import type { SecretReference } from './secret-reference.ts';

export type { DesiredConnection } from './desired-connection.ts';
export { type RepositoryName, repositoryName, type SiteName, siteName } from './policy-name.ts';

/** What the policies declare, parsed and checked; frozen. Relative paths have been made absolute against the policy file's folder. */
export interface Desired {
  readonly sites: ReadonlyMap<SiteName, DesiredSite>;
  readonly repositories: ReadonlyMap<RepositoryName, DesiredRepository>;
  readonly restoreTargets: ReadonlyMap<RestoreTargetName, DesiredRestoreTarget>;
  /** From the only Daemon document; where there is none, the defaults. */
  readonly daemon: DesiredDaemon;
}

export interface DesiredSite {
  readonly name: SiteName;
  readonly mode: 'enforce' | 'detect' | 'suspended';
  readonly policyName: string;
  readonly policy: DesiredPolicy;
  /** In the declared order; the first is the preferred one to read from. */
  readonly repositories: readonly RepositoryName[];
  readonly connections: readonly DesiredConnection[];
  /** Only where hoard runs beside the server. */
  readonly dataDirectory: string | undefined;
  readonly binDirectory: string | undefined;
  readonly labels?: Readonly<Record<string, string>>;
  /** Earlier names, newest first: what lies under them counts as this site's for reading. */
  readonly movedFrom?: readonly SiteName[];
}

export interface DesiredPolicy {
  readonly backup: {
    /** Absent: backups are taken only on request. */
    readonly schedule: Schedule | undefined;
    readonly method: 'auto' | 'local' | 'sql' | 'stream';
    readonly from: 'primary' | 'standby' | 'prefer-standby';
    readonly checksums: 'verify' | 'ignore';
  };
  readonly wal: {
    readonly method: 'archive-command' | 'stream' | 'pg-receivewal' | 'none';
    /** In how many of the site's repositories a segment must be durable before it is acknowledged. */
    readonly require: 'all' | number;
    readonly partial: Duration | undefined;
    readonly pauseBelow: { readonly free: Bytes; readonly resumeAt: Bytes; readonly checkEvery?: Duration } | undefined;
  };
  readonly retention: RetentionPolicy;
  readonly objectives: {
    readonly rpo: Duration | undefined;
    readonly rto: Duration | undefined;
    readonly provenWithin: Duration | undefined;
  };
}

export interface RetentionPolicy {
  /** Every moment of the last `window` can be restored. */
  readonly window: Duration | undefined;
  readonly keep: {
    readonly last: number | undefined;
    readonly within: Duration | undefined;
    readonly hourly: number | undefined;
    readonly daily: number | undefined;
    readonly weekly: number | undefined;
    readonly monthly: number | undefined;
    readonly yearly: number | undefined;
  };
  /** Never fewer restorable backups than this, whatever their age. At least 1. */
  readonly minimum: number;
  readonly maximum: number | undefined;
  readonly prune: 'auto' | 'confirm' | 'never';
  /** How many of the backups one plan may remove. */
  readonly budget: { readonly percent: number };
}

/** One repository. Compression, encryption and limits apply above the storage, whatever its type. */
export interface DesiredRepository {
  readonly name: RepositoryName;
  /** As declared under spec.storage, with secret references and sizes parsed; discriminated by `type`. */
  readonly storage: DesiredStorage;
  /** Key prefix inside the storage, without slashes at the ends; '' for none. */
  readonly prefix: string;
  readonly compression: { readonly algorithm: 'zstd' | 'snappy' | 'lzma' | 'none'; readonly level: number | undefined };
  readonly encryption?: DesiredEncryption | undefined;
  readonly limits?: DesiredLimits | undefined;
  readonly notify?: DesiredNotification | undefined;
  /** After how many failures of one object an alert is raised: what the daemon's `alerts` say; undefined: the default. */
  readonly uploadRetries?: number | undefined;
}

export interface DesiredEncryption {
  /** OpenPGP public keys; each can open everything that is written. */
  readonly recipients: readonly SecretReference[];
  /** Only where restores run. */
  readonly privateKey: SecretReference | undefined;
  readonly passphrase: SecretReference | undefined;
  /** Signs what is written. */
  readonly signing: DesiredKey | undefined;
  /** OpenPGP public keys; a restore reads only what one of them has signed. None: signatures are not asked for. */
  readonly trustedSigners: readonly SecretReference[];
}

/** A private key and what opens it. */
export interface DesiredKey {
  readonly key: SecretReference;
  readonly passphrase: SecretReference | undefined;
}

interface DesiredLimits {
  /** Bytes a second over all transfers to the repository; undefined: no limit. */
  readonly upload: Bytes | undefined;
  readonly download: Bytes | undefined;
  /** Requests at the same time; undefined: what the daemon's settings allow. */
  readonly concurrency: number | undefined;
}
