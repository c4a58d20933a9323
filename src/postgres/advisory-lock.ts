import type { DesiredConnection } from '../domain/desired.ts';
import { Failure, isFailure } from '../domain/failure.ts';
import { openSql, type PostgresContext, type SqlConnection } from './connect.ts';

/**
 * An advisory lock of PostgreSQL on a cluster's primary, held by a session of its own: the server gives it back by itself when the
 * session ends, however that happens. Disposing releases it.
 */
export interface AdvisoryLock extends AsyncDisposable {
  /** For messages: `host:port`. */
  readonly where: string;
  /**
   * Asks the server whether this very session still holds the lock, and is still on a primary. Throws where it does not, where the
   * connection is gone, and the signal's reason.
   */
  confirm(signal: AbortSignal): Promise<void>;
}

const RELEASE_MILLISECONDS = 5000;

interface SessionRow extends Record<string, unknown> {
  readonly pid: number;
  readonly recovering: boolean;
  readonly held: boolean;
}

// A pooler between us and the server could give each statement another session: then pid or held differs, and nothing is believed.
// A key of 64 bits stands in pg_locks as its two halves, with objsubid 1 (PostgreSQL documentation, "pg_locks").
const SESSION = `
select pg_catalog.pg_backend_pid() as pid, pg_catalog.pg_is_in_recovery() as recovering,
       exists (select from pg_catalog.pg_locks
                where locktype = 'advisory' and granted and pid = pg_catalog.pg_backend_pid() and objsubid = 1
                  and (classid::bigint << 32) | objid::bigint = $1::bigint) as held`;

/**
 * Tries to take the lock `key` (signed, 64 bits) on the first primary among the connections, in their order; undefined where another session
 * holds it. Advisory locks are local to a database: all who share the lock must connect to the same one. Throws what kept it
 * from reaching a primary.
 */
export async function takeAdvisoryLock(
  connections: readonly DesiredConnection[],
  key: bigint,
  context: PostgresContext,
): Promise<AdvisoryLock | undefined> {
  let failure: Failure | undefined;
  for (const connection of connections) {
    try {
      const session = await openSession(connection, context);
      if (session.recovering) {
        session.end();
        continue;
      }
      return await lockIn(session, key, context.effects.signal);
    } catch (error) {
      context.effects.signal.throwIfAborted();
      if (!isFailure(error)) throw error;
      failure ??= error;
    }
  }
  throw failure ?? new Failure('postgres.unreachable', { message: 'no connection leads to a primary' });
}

interface Session {
  readonly sql: SqlConnection;
  readonly pid: number;
  readonly recovering: boolean;
  /** Destroys the connection; the server then gives back what it held. */
  readonly end: () => void;
}

/** The caller's signal ends the opening only: the session must outlive it, so that the lock is held until the work under it has ended. */
async function openSession(connection: DesiredConnection, context: PostgresContext): Promise<Session> {
  const { signal, environment } = context.effects;
  const own = new AbortController();
  const forward = (): void => own.abort(signal.reason);
  signal.addEventListener('abort', forward, { once: true });
  try {
    signal.throwIfAborted();
    const effects = { environment, signal: own.signal };
    const sql = await openSql(connection, { secrets: context.secrets, effects });
    const end = (): void =>
      own.abort(new Failure('postgres.broken', { message: `${sql.where}: the session was ended` }));
    try {
      const [row] = await sql.query<SessionRow>(SESSION, ['0']);
      if (!row) throw new Failure('postgres.format', { message: `${sql.where}: the session came without a row` });
      return { sql, pid: row.pid, recovering: row.recovering, end };
    } catch (error) {
      end();
      throw error;
    }
  } finally {
    signal.removeEventListener('abort', forward);
  }
}

async function lockIn(session: Session, key: bigint, signal: AbortSignal): Promise<AdvisoryLock | undefined> {
  const { sql, pid, end } = session;
  const value = key.toString();
  const confirm = async (stop: AbortSignal): Promise<void> => {
    const [row] = await orEnd(sql.query<SessionRow>(SESSION, [value]), end, stop);
    if (row?.pid !== pid)
      throw new Failure('postgres.misconfigured', {
        message: `${sql.where}: statements go to different sessions of the server`,
        hint: 'connect without a pooler, or through one that pools sessions',
      });
    if (row.recovering)
      throw new Failure('postgres.broken', { message: `${sql.where}: the server is no primary any more` });
    if (!row.held)
      throw new Failure('postgres.broken', { message: `${sql.where}: the session does not hold the lock any more` });
  };
  try {
    const query = sql.query<{ taken: boolean }>('select pg_catalog.pg_try_advisory_lock($1::bigint) as taken', [value]);
    const [row] = await orEnd(query, end, signal);
    if (row?.taken !== true) {
      await sql[Symbol.asyncDispose]();
      return undefined;
    }
    await confirm(signal);
  } catch (error) {
    end();
    throw error;
  }
  return {
    where: sql.where,
    confirm,
    async [Symbol.asyncDispose]() {
      try {
        const release = sql.query('select pg_catalog.pg_advisory_unlock($1::bigint)', [value]);
        await orEnd(release, end, AbortSignal.timeout(RELEASE_MILLISECONDS));
        await sql[Symbol.asyncDispose]();
      } catch {
        end();
      }
    },
  };
}

/** The answer, or, where the signal comes first, the end of the session and the signal's reason. */
async function orEnd<T>(answer: Promise<T>, end: () => void, signal: AbortSignal): Promise<T> {
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  try {
    return await answer;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
  }
}
