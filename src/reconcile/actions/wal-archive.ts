import { join } from 'node:path';
import { Failure, isFailure } from '../../domain/failure.ts';
import type { PlannedWork } from '../../domain/plan.ts';
import { parseWalFileName } from '../../domain/wal-file.ts';
import { findWal } from '../../repository/wal-objects.ts';
import { pushWalFile } from '../../wal/push.ts';
import type { ActionContext } from './action-context.ts';

/** Stores what waits in the server's archive queue on this host. PostgreSQL hands it over as well and then finds it stored. Idempotent. */
export async function executeWalArchive(
  work: Extract<PlannedWork, { kind: 'wal.archive' }>,
  { site, repo, lease, effects }: ActionContext,
): Promise<string> {
  const { dataDirectory } = site;
  if (dataDirectory === undefined) {
    throw new Failure('bug', { message: `site "${site.name}" has no data directory on this host to archive from` });
  }
  let stored = 0;
  for (const name of work.files) {
    lease.check();
    try {
      const path = join(dataDirectory, 'pg_wal', name);
      await pushWalFile({ path, repositories: [repo], require: 'all', effects: { ...effects, signal: lease.signal } });
      stored += 1;
    } catch (error) {
      // PostgreSQL may have handed the file over meanwhile and recycled it.
      const there =
        isFailure(error, 'wal.file') && (await findWal(repo, parseWalFileName(name), lease.signal)).length > 0;
      if (!there) throw error;
    }
  }
  return `stored ${stored} of ${work.files.length}${stored < work.files.length ? '; PostgreSQL had archived the rest meanwhile' : ''}`;
}
