import type { Bytes } from './bytes.ts';
import type { RepositoryName, SiteName } from './desired.ts';
import type { Instant } from './instant.ts';
import type { BackupId, PackReference } from './observed.ts';
import type { RecoveryInterval } from './recovery-window.ts';
import type { SegmentNumber } from './segment.ts';
import type { TimelineId } from './timeline.ts';

/** What an action does, with exactly the data its handler needs. Each later kind adds a member here and one handler file. */
export type PlannedWork =
  | { readonly kind: 'backup.take'; readonly slot: Instant | undefined }
  | { readonly kind: 'backup.prune'; readonly backup: BackupId }
  | { readonly kind: 'wal.archive'; readonly files: readonly string[] }
  | {
      readonly kind: 'wal.prune';
      readonly timeline: TimelineId;
      readonly first: SegmentNumber;
      readonly last: SegmentNumber;
    }
  | { readonly kind: 'orphan.remove'; readonly packs: readonly PackReference[]; readonly keys: readonly string[] };

/** Why, as a stable code; readers must accept codes they do not know. */
export type ReasonCode =
  | 'no-backup'
  | 'backup-due'
  | 'backup-unrestorable'
  | 'timeline-unreachable'
  | 'wal-gap'
  | 'backup-requested'
  | 'wal-ready'
  | 'retention'
  | 'before-oldest-needed'
  | 'unreferenced';

/** Why an action may not run (yet); the sentence says how to proceed. */
export interface Blocker {
  readonly code:
    | 'unknown-repository'
    | 'unknown-cluster'
    | 'unreadable-backup'
    | 'needs-approval'
    | 'budget'
    | 'archiving-off'
    | 'foreign-cluster'
    | 'unsupported'
    | 'detect-only';
  readonly message: string;
}

export interface PlannedAction {
  /** Stable over passes while the need is the same, for example `backup.take:orders:main:due`. */
  readonly id: string;
  readonly site: SiteName;
  readonly repository: RepositoryName;
  /** What it acts on, in words for a column: a backup id, a range of segments, a count of objects. */
  readonly target: string;
  readonly risk: 'additive' | 'destructive';
  readonly reasonCode: ReasonCode;
  /** A sentence that a DBA understands. */
  readonly reason: string;
  readonly estimate: { readonly bytes: Bytes; readonly requests: number };
  /** Ids that must have succeeded first. */
  readonly dependsOn: readonly string[];
  readonly blockedBy: readonly Blocker[];
  /** Canonical text of the inputs the action rests on; hashed into `inputsDigest` outside the pure core. */
  readonly inputs: string;
  readonly work: PlannedWork;
}

export interface PlannedSite {
  readonly name: SiteName;
  /** Nothing to do and everything could be observed. */
  readonly converged: boolean;
  readonly recoveryWindow: {
    readonly before: ReadonlyMap<RepositoryName, readonly RecoveryInterval[]>;
    /** After all actions that are not blocked; what a backup.take will add is not invented. */
    readonly after: ReadonlyMap<RepositoryName, readonly RecoveryInterval[]>;
  };
  /** Things worth knowing that lead to no action: what could not be observed, gaps that nothing here can fill, conflicts. */
  readonly findings: readonly string[];
}

/** An ordered graph: dependencies come before what depends on them, additive before destructive. */
export interface Plan {
  readonly createdAt: Instant;
  readonly actions: readonly PlannedAction[];
  readonly sites: readonly PlannedSite[];
}

const ORDER: Readonly<Record<PlannedWork['kind'], number>> = {
  'wal.archive': 0,
  'backup.take': 1,
  'backup.prune': 2,
  'wal.prune': 3,
  'orphan.remove': 4,
};

/**
 * Puts the sites' parts together in the order in which they are carried out one after another: additive before destructive,
 * index before data, then by id. A failed addition does not hold removals back, for a full store would stay full; what must have
 * succeeded stands in `dependsOn`.
 */
export function makePlan(
  parts: readonly { readonly site: PlannedSite; readonly actions: readonly PlannedAction[] }[],
  createdAt: Instant,
): Plan {
  const actions = parts.flatMap((part) => part.actions);
  return {
    createdAt,
    actions: actions.sort(
      (a, b) => ORDER[a.work.kind] - ORDER[b.work.kind] || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
    ),
    sites: parts.map((part) => part.site).sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}
