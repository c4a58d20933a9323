import { formatInstant, type Instant } from '../domain/instant.ts';
import { formatLsn, type Lsn } from '../domain/lsn.ts';
import type { RestoreReport } from '../policy/generated/restore-report.ts';

/** A restore whose way was checked, and what it wrote. */
export interface RestoreView {
  readonly site: string;
  readonly choice: {
    readonly backup: { readonly id: string };
    readonly repository: string;
    readonly alternatives: readonly string[];
    readonly timeline: number;
    readonly reach: { readonly lsn: Lsn; readonly time: Instant };
    readonly notes: readonly string[];
  };
  /** Where recovery ends, in words. */
  readonly target: string;
  readonly action: RestoreReport['action'];
  readonly standby: boolean;
  readonly dataDirectory: string;
  /** Undefined in a dry run. */
  readonly outcome:
    | {
        readonly files: number;
        readonly bytes: number;
        readonly kept: number;
        readonly resumed: boolean;
        readonly durationMilliseconds: number;
        readonly tablespaces: readonly { readonly oid: string; readonly directory: string }[];
      }
    | undefined;
}

/** The document of schema/restore.schema.json. */
export function renderRestoreDocument(view: RestoreView): RestoreReport {
  const { site, choice, target, action, standby, dataDirectory, outcome } = view;
  return {
    formatVersion: '1.0',
    site,
    dryRun: outcome === undefined,
    backup: choice.backup.id,
    repository: choice.repository,
    alternatives: [...choice.alternatives],
    target,
    timeline: choice.timeline,
    action,
    standby,
    reach: { lsn: formatLsn(choice.reach.lsn), time: formatInstant(choice.reach.time) },
    notes: [...choice.notes],
    dataDirectory,
    restored: outcome === undefined ? null : restoredReport(outcome),
  };
}

function restoredReport(outcome: NonNullable<RestoreView['outcome']>): NonNullable<RestoreReport['restored']> {
  const { files, bytes, kept, resumed, durationMilliseconds, tablespaces } = outcome;
  return {
    files,
    bytes,
    kept,
    resumed,
    durationSeconds: durationMilliseconds / 1000,
    tablespaces: tablespaces.map(({ oid, directory }) => ({ oid, directory })),
  };
}
