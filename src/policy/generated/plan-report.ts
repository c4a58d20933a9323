// Generated from schema/plan.schema.json by scripts/generate-types.ts; do not edit.

export type RepositoryIntervalReport = RecoveryIntervalReport & {
  repository: string;
};

/**
 * What `hoard plan --output json` prints and `hoard plan --out` saves. Readers must ignore fields that they do not know.
 */
export interface PlanReport {
  /**
   * major.minor; a new minor only adds fields.
   */
  formatVersion: string;
  /**
   * The version of hoard that made the plan.
   */
  hoardVersion: string;
  /**
   * ISO 8601, UTC.
   */
  createdAt: string;
  /**
   * `hoard apply PLAN` refuses the plan after this moment: what is due depends on the time.
   */
  notAfter: string;
  /**
   * In an order in which they can be done: what an action depends on comes before it.
   */
  actions: PlanActionReport[];
  sites: PlanSiteReport[];
  summary: {
    actions: number;
    additive: number;
    destructive: number;
    blocked: number;
    bytes: number;
    requests: number;
  };
}
export interface PlanActionReport {
  /**
   * The same in later plans while the need is the same.
   */
  id: string;
  kind:
    | 'backup.take'
    | 'backup.copy'
    | 'backup.prune'
    | 'backup.verify'
    | 'wal.archive'
    | 'wal.fill'
    | 'wal.copy'
    | 'wal.prune'
    | 'orphan.remove'
    | 'slot.create'
    | 'standby.build'
    | 'clone.build'
    | 'drill.run';
  site: string;
  repository: string;
  /**
   * What the action works on: a backup id, a range of segments, a number of objects.
   */
  target: string;
  risk: 'additive' | 'destructive';
  /**
   * Readers must accept codes that they do not know.
   */
  reasonCode: string;
  reason: string;
  estimate: {
    bytes: number;
    requests: number;
  };
  /**
   * Ids of actions that must have succeeded before.
   */
  dependsOn: string[];
  /**
   * Why the action may not be done yet; empty where it may.
   */
  blockedBy: {
    code: string;
    message: string;
  }[];
  /**
   * A hash over everything that the action rests on.
   */
  inputsDigest: string;
}
export interface PlanSiteReport {
  name: string;
  /**
   * Nothing is to be done and everything could be observed.
   */
  converged: boolean;
  recoveryWindow: {
    before: RepositoryIntervalReport[];
    /**
     * After all actions that are not blocked; what a new backup will add is not invented.
     */
    after: RepositoryIntervalReport[];
  };
  /**
   * Worth knowing, but leading to no action.
   */
  findings: string[];
}
/**
 * Every position from fromLsn to toLsn on this timeline can be restored.
 */
export interface RecoveryIntervalReport {
  timeline: number;
  /**
   * A WAL position as PostgreSQL prints it.
   */
  fromLsn: string;
  /**
   * A WAL position as PostgreSQL prints it.
   */
  toLsn: string;
  /**
   * ISO 8601, UTC.
   */
  fromTime: string;
  /**
   * ISO 8601, UTC.
   */
  toTime: string;
}
