import type { DesiredConnection } from './desired-connection.ts';
import type { Duration } from './duration.ts';
import type { PreciseInstant } from './instant.ts';
import type { Lsn } from './lsn.ts';
import type { RepositoryName, RestoreTargetName, SiteName } from './policy-name.ts';
import type { Schedule } from './schedule.ts';

/** A declared restored instance. */
export type DesiredRestoreTarget = DesiredStandby | DesiredClone | DesiredDrill;

interface Common {
  readonly name: RestoreTargetName;
  readonly site: SiteName;
  /** Only a hoard that runs as this host acts on it. */
  readonly host: string;
  /** Repositories to read from, preferred first. */
  readonly repositories: readonly RepositoryName[];
  readonly binDirectory: string | undefined;
  /** Tablespace name or oid to directory. */
  readonly tablespaces: ReadonlyMap<string, string>;
}

interface DesiredStandby extends Common {
  readonly role: 'standby';
  readonly dataDirectory: string;
  /** Where it streams from; undefined: it follows the repository alone. */
  readonly primary: DesiredConnection | undefined;
  readonly timeline: TimelineChoice;
  readonly start: boolean;
}

interface DesiredClone extends Common {
  readonly role: 'clone';
  readonly dataDirectory: string;
  readonly recovery: DesiredRecovery;
  readonly start: boolean;
}

interface DesiredDrill extends Common {
  readonly role: 'drill';
  /** Undefined: a directory below the state directory, removed afterwards. */
  readonly dataDirectory: string | undefined;
  /** Undefined: only on request. */
  readonly schedule: Schedule | undefined;
  readonly recovery: DesiredRecovery;
  readonly checks: readonly DesiredCheck[];
}

export interface DesiredRecovery {
  readonly target: DesiredRecoveryTarget;
  readonly timeline: TimelineChoice;
  readonly action: 'promote' | 'pause' | 'shutdown';
}

export type TimelineChoice = 'latest' | 'current' | number;

export type DesiredRecoveryTarget =
  | { readonly kind: 'latest' }
  /** A random moment in the recovery window; only in drills. */
  | { readonly kind: 'random' }
  | ({ readonly kind: 'time'; readonly inclusive: boolean } & PreciseInstant)
  | { readonly kind: 'lsn'; readonly lsn: Lsn; readonly inclusive: boolean }
  | { readonly kind: 'xid'; readonly xid: string; readonly inclusive: boolean }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'immediate' };

/** What must hold in the restored cluster for the drill to count as a proof. */
export type DesiredCheck =
  /** The query's first column of its first row must be true. */
  | {
      readonly kind: 'sql';
      readonly name: string;
      readonly database: string;
      readonly sql: string;
      readonly timeout: Duration;
    }
  /** Every heap and index of the database is checked by the extension amcheck. */
  | { readonly kind: 'amcheck'; readonly name: string; readonly database: string; readonly timeout: Duration };
