import type { DesiredSite } from '../domain/desired.ts';
import { Failure } from '../domain/failure.ts';
import type { ObservedCluster } from '../domain/observed.ts';
import type { PostgresContext } from '../postgres/connect.ts';
import { type ChosenConnection, chooseConnection, observeCluster } from '../postgres/observe-cluster.ts';

/**
 * The connection to back up from: the primary. Throws `policy.unsupported` for what this version cannot do, `postgres.misconfigured` where only
 * standbys answer, or where the site relies on archive_command but the server archives nothing.
 */
export async function chooseSource(site: DesiredSite, context: PostgresContext): Promise<ChosenConnection> {
  const { method, from } = site.policy.backup;
  if (method === 'local' || method === 'sql') {
    throw new Failure('policy.unsupported', {
      message: `policy ${site.policyName} wants backups by the method ${method}, which this version cannot do yet`,
      hint: 'use spec.backup.method auto or stream',
    });
  }
  if (from === 'standby') {
    throw new Failure('policy.unsupported', {
      message: `policy ${site.policyName} wants backups from a standby only, which this version cannot do yet`,
      hint: 'use spec.backup.from primary or prefer-standby (which takes the primary for now)',
    });
  }
  const chosen = await chooseConnection(site, context);
  if (chosen.cluster.role !== 'primary') {
    throw new Failure('postgres.misconfigured', {
      message: `no connection of site ${site.name} that answers leads to a primary`,
      hint: 'declare a connection to every node of the cluster under spec.connections',
    });
  }
  if (site.policy.wal.method === 'archive-command') requireArchiving(site, chosen.cluster);
  return chosen;
}

function requireArchiving(site: DesiredSite, { archiving }: ObservedCluster): void {
  if (archiving.mode !== 'off' && archiving.configured) return;
  const what = archiving.mode === 'off' ? 'archive_mode is off' : 'archive_command is empty';
  throw new Failure('postgres.misconfigured', {
    message: `the cluster of site ${site.name} does not archive its WAL (${what}), so no backup of it could be restored`,
    hint: `${ARCHIVING_HINT} (archive_mode needs a restart of the server), or set wal.method none in policy ${site.policyName}`,
  });
}

const ARCHIVING_HINT = "set archive_mode = on and archive_command = 'hoard wal push …' in postgresql.conf";

/** What to look at when WAL does not come: the server's own archiver statistics, asked now. Never throws. */
export async function diagnoseArchiving(site: DesiredSite, context: PostgresContext): Promise<string> {
  try {
    const { archiving } = await observeCluster(site, context);
    if (archiving.mode === 'off' || !archiving.configured) return ARCHIVING_HINT;
    const last =
      archiving.lastArchived === undefined
        ? 'nothing has been archived yet'
        : `the last one archived is ${archiving.lastArchived}`;
    return archiving.failing
      ? `archive_command fails: pg_stat_archiver counts ${archiving.failedCount} failures, the last for ${archiving.lastFailed ?? 'an unknown file'}; ${last}; the server's log has its output`
      : `look at archive_mode, archive_command and pg_stat_archiver (${last}), and whether archive_command stores into this site and repository`;
  } catch (error) {
    return `look at archive_mode, archive_command and pg_stat_archiver (they could not be asked: ${error instanceof Error ? error.message : String(error)})`;
  }
}
