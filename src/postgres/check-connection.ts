import { type CheckStep, failed, passed, warned } from '../domain/check.ts';
import type { DesiredConnection, DesiredPolicy } from '../domain/desired.ts';
import { Failure } from '../domain/failure.ts';
import { openSql, type PostgresContext } from './connect.ts';
import { openReplication } from './replication.ts';

interface Settings {
  readonly recovering: boolean;
  readonly server_version: string;
  readonly version: string;
  readonly wal_level: string;
  readonly max_wal_senders: string;
  readonly archive_mode: string;
  readonly archive_command: string;
  readonly archive_library: string | null;
  readonly login: string;
  readonly replication: boolean;
}

// Names are qualified, so that nothing in the user's search_path is called.
const QUERY = `
select pg_catalog.pg_is_in_recovery() as recovering,
       pg_catalog.current_setting('server_version') as server_version,
       pg_catalog.current_setting('server_version_num') as version,
       pg_catalog.current_setting('wal_level') as wal_level,
       pg_catalog.current_setting('max_wal_senders') as max_wal_senders,
       pg_catalog.current_setting('archive_mode') as archive_mode,
       pg_catalog.current_setting('archive_command') as archive_command,
       pg_catalog.current_setting('archive_library', true) as archive_library,
       r.rolname as login, (r.rolsuper or r.rolreplication) as replication
  from pg_catalog.pg_roles r where r.rolname = current_user`;

export interface CheckedConnection {
  /** `host:port`, or how it is declared where it could not be opened. */
  readonly where: string;
  readonly steps: readonly CheckStep[];
}

/** Connects, and compares the server's settings with what the policy needs. Never throws for what the server refuses. */
export async function checkConnection(
  connection: DesiredConnection,
  wal: DesiredPolicy['wal'],
  context: PostgresContext,
): Promise<CheckedConnection> {
  let where = connection.kind === 'parameters' ? `${connection.host}:${connection.port}` : 'the connection';
  const steps: CheckStep[] = [];
  try {
    await using sql = await openSql(connection, context);
    where = sql.where;
    const [settings] = await sql.query<Settings & Record<string, unknown>>(QUERY);
    if (!settings)
      throw new Failure('postgres.format', { message: `${where}: the server's settings came without a row` });
    steps.push(...judge(settings, wal));
  } catch (error) {
    return { where, steps: [...steps, failed('connect', failureOf(error, context))] };
  }
  steps.push(await checkReplication(connection, context));
  return { where, steps };
}

/** By a real login to the replication protocol: pg_hba.conf has lines of its own for it. */
async function checkReplication(connection: DesiredConnection, context: PostgresContext): Promise<CheckStep> {
  try {
    await using replication = await openReplication(connection, context);
    await replication.identifySystem();
    return passed('replication', 'a replication connection can be opened');
  } catch (error) {
    return failed('replication', failureOf(error, context));
  }
}

function failureOf(error: unknown, { effects }: PostgresContext): Failure {
  effects.signal.throwIfAborted();
  if (error instanceof Failure && error.class !== 'bug') return error;
  throw error;
}

function judge(settings: Settings, wal: DesiredPolicy['wal']): readonly CheckStep[] {
  const role = settings.recovering ? 'standby' : 'primary';
  if (!(Number(settings.version) >= 130_000)) {
    const message = `PostgreSQL ${settings.server_version} is older than 13, the oldest that hoard backs up`;
    return [failed('connect', new Failure('postgres.unsupported', { message }))];
  }
  return [
    passed('connect', `PostgreSQL ${settings.server_version}, ${role}, as user "${settings.login}"`),
    settings.replication
      ? passed('privileges', `"${settings.login}" may replicate`)
      : misconfigured(
          'privileges',
          `"${settings.login}" has no REPLICATION`,
          `alter role "${settings.login.replaceAll('"', '""')}" replication`,
        ),
    settings.wal_level === 'minimal'
      ? misconfigured('wal-level', 'wal_level is minimal', `alter system set wal_level = 'replica', ${RESTART}`)
      : passed('wal-level', `wal_level is ${settings.wal_level}`),
    Number(settings.max_wal_senders) >= 2
      ? passed('wal-senders', `max_wal_senders is ${settings.max_wal_senders}`)
      : misconfigured(
          'wal-senders',
          `max_wal_senders is ${settings.max_wal_senders}: a backup needs one for itself`,
          `alter system set max_wal_senders = 10, ${RESTART}`,
        ),
    ...(wal.method === 'archive-command' ? judgeArchiving(settings) : []),
  ];
}

const RESTART = 'then restart PostgreSQL';

function judgeArchiving(settings: Settings): readonly CheckStep[] {
  const { archive_mode: mode, archive_command: command, archive_library: library, recovering } = settings;
  if (mode === 'off') {
    const hint = `alter system set archive_mode = 'on', ${RESTART}`;
    return [misconfigured('archive-mode', 'archive_mode is off, and the policy archives by archive_command', hint)];
  }
  const on = passed('archive-mode', `archive_mode is ${mode}`);
  if (recovering && mode === 'on') return [on];
  if (library !== null && library !== '')
    return [
      on,
      warned('archive-command', `archive_library is "${library}": archive_command is not used`, UNSET_LIBRARY),
    ];
  if (command === '' || command === '(disabled)')
    return [on, misconfigured('archive-command', 'archive_command is empty', SET_COMMAND)];
  if (!/\bwal\s+push\b/.test(command) || !command.includes('%p'))
    return [on, warned('archive-command', 'archive_command does not call hoard wal push %p', SET_COMMAND)];
  return [on, passed('archive-command', 'archive_command calls hoard wal push')];
}

const SET_COMMAND = `alter system set archive_command = 'hoard -f /path/to/policies wal push %p'; select pg_reload_conf()`;
const UNSET_LIBRARY = `alter system set archive_library = ''; select pg_reload_conf()`;

const misconfigured = (name: string, message: string, hint: string): CheckStep =>
  failed(name, new Failure('postgres.misconfigured', { message, hint }));
