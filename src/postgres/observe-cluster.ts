import { bytesOf } from '../domain/bytes.ts';
import type { DesiredConnection, DesiredSite } from '../domain/desired.ts';
import { Failure, isFailure } from '../domain/failure.ts';
import { parseLsn } from '../domain/lsn.ts';
import { type ObservedCluster, systemIdentifier } from '../domain/observed.ts';
import { segmentSize } from '../domain/segment.ts';
import { timelineId } from '../domain/timeline.ts';
import { openSql, type PostgresContext } from './connect.ts';

/**
 * Asks the site's connections in order and takes the first primary, or, where no primary answers, the first standby.
 * Throws the failure that says most (a refused login before an unreachable host) where no connection can be used.
 */
export async function observeCluster(site: DesiredSite, context: PostgresContext): Promise<ObservedCluster> {
  return (await chooseConnection(site, context)).cluster;
}

export interface ChosenConnection {
  readonly connection: DesiredConnection;
  readonly cluster: ObservedCluster;
}

/** As observeCluster, together with the connection that was taken. */
export async function chooseConnection(site: DesiredSite, context: PostgresContext): Promise<ChosenConnection> {
  let standby: ChosenConnection | undefined;
  let failure: Failure | undefined;
  for (const connection of site.connections) {
    try {
      const cluster = await observe(connection, context);
      if (cluster.role === 'primary') return { connection, cluster };
      standby ??= { connection, cluster };
    } catch (error) {
      if (!isFailure(error)) throw error;
      if (failure === undefined || failure.class === 'transient') failure = error;
    }
  }
  if (standby) return standby;
  throw (
    failure ??
    new Failure('postgres.misconfigured', {
      message: `site ${site.name} has no connections`,
      hint: 'declare them under spec.connections',
    })
  );
}

interface Row {
  readonly recovering: boolean;
  readonly version: string;
  readonly system_identifier: string;
  readonly timeline: string;
  readonly segment_bytes: string;
  readonly lsn: string;
  readonly data_bytes: string;
  readonly archive_mode: string;
  readonly archive_command: string;
  readonly archive_library: string | null;
  readonly last_archived_wal: string | null;
  readonly last_failed_wal: string | null;
  readonly failed_count: string;
  readonly failing: boolean;
}

// Names are qualified, so that nothing in the user's search_path is called. On a standby the latest known timeline counts: a restart point may be older.
const QUERY = `
select recovering,
       pg_catalog.current_setting('server_version_num') as version,
       (select system_identifier from pg_catalog.pg_control_system())::text as system_identifier,
       case when recovering
            then greatest((select timeline_id from pg_catalog.pg_control_checkpoint()),
                          (select min_recovery_end_timeline from pg_catalog.pg_control_recovery()),
                          (select received_tli from pg_catalog.pg_stat_wal_receiver))::text
            else ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::bigint::text
       end as timeline,
       (select bytes_per_wal_segment from pg_catalog.pg_control_init())::text as segment_bytes,
       (case when recovering then coalesce(pg_catalog.pg_last_wal_replay_lsn(), '0/0') else pg_catalog.pg_current_wal_lsn() end)::text as lsn,
       (select coalesce(pg_catalog.sum(pg_catalog.pg_database_size(oid)), 0) from pg_catalog.pg_database
         where pg_catalog.has_database_privilege(oid, 'CONNECT'))::text as data_bytes,
       pg_catalog.current_setting('archive_mode') as archive_mode,
       pg_catalog.current_setting('archive_command') as archive_command,
       pg_catalog.current_setting('archive_library', true) as archive_library,
       a.last_archived_wal, a.last_failed_wal, a.failed_count::text as failed_count,
       coalesce(a.last_failed_time > coalesce(a.last_archived_time, '-infinity'), false) as failing
  from (select pg_catalog.pg_is_in_recovery() as recovering) r, pg_catalog.pg_stat_archiver a`;

async function observe(connection: DesiredConnection, context: PostgresContext): Promise<ObservedCluster> {
  await using sql = await openSql(connection, context);
  const [row] = await sql.query<Row & Record<string, unknown>>(QUERY);
  if (!row) throw new Failure('postgres.format', { message: `${sql.where}: the cluster's state came without a row` });
  const version = Number(row.version);
  if (!(version >= 130_000)) {
    throw new Failure('postgres.unsupported', {
      message: `${sql.where}: PostgreSQL ${version} is older than 13, the oldest that hoard backs up`,
    });
  }
  return {
    role: row.recovering ? 'standby' : 'primary',
    version,
    systemIdentifier: systemIdentifier(row.system_identifier),
    timeline: timelineId(Number(row.timeline)),
    segmentSize: segmentSize(Number(row.segment_bytes)),
    currentLsn: parseLsn(row.lsn),
    dataBytes: bytesOf(Number(row.data_bytes)),
    archiving: {
      mode: row.archive_mode === 'on' || row.archive_mode === 'always' ? row.archive_mode : 'off',
      // With archive_mode off the server shows "(disabled)" instead of the command.
      configured: isSet(row.archive_command) || isSet(row.archive_library),
      lastArchived: row.last_archived_wal ?? undefined,
      lastFailed: row.last_failed_wal ?? undefined,
      failedCount: Number(row.failed_count),
      failing: row.failing,
    },
  };
}

const isSet = (setting: string | null): boolean => setting !== null && setting !== '' && setting !== '(disabled)';
