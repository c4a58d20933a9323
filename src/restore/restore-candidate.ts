import type { StoredBackup } from '../domain/observed.ts';
import type { RecoveryMap } from '../domain/reach.ts';
import type { RecoveryPath } from '../domain/recovery-path.ts';
import type { TimelineId } from '../domain/timeline.ts';
import type { MergedSource } from './merge-sources.ts';

/** One backup in one repository, and where a restore from it gets. */
export interface Candidate {
  readonly source: MergedSource;
  readonly wal: RecoveryMap;
  readonly backup: StoredBackup;
  readonly timeline: TimelineId;
  readonly way: RecoveryPath;
}
