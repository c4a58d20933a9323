import { Client, type ClientConfig, type QueryResultRow } from 'pg';
import type { DesiredConnection } from '../domain/desired.ts';
import type { Failure } from '../domain/failure.ts';
import { Secret } from '../policy/secret.ts';
import type { SecretResolver } from '../policy/secret-resolver.ts';
import type { Effects } from '../telemetry/effects.ts';
import { type ConnectionParameters, connectionParameters, parseConnectionString } from './connection-string.ts';
import { isTlsError, sqlState, toFailure } from './postgres-failure.ts';
import { type ByteSource, createPullSocket, takeOver } from './pull-socket.ts';
import { type TlsAttempt, tlsAttempts } from './tls-attempts.ts';

export interface PostgresContext {
  readonly secrets: SecretResolver;
  readonly effects: Pick<Effects, 'environment' | 'signal'>;
}

/** The slowest statement asks for the size of all databases, which reads the metadata of every file of the cluster. */
const STATEMENT_TIMEOUT = 5 * 60_000;

/** An open connection, closed by `await using`. */
export interface SqlConnection extends AsyncDisposable {
  /** For messages: `host:port`. */
  readonly where: string;
  /**
   * One statement. `postgres.query` with the SQLSTATE where the server refuses it, `postgres.broken` where the connection breaks,
   * the signal's reason when aborted (the connection is then closed).
   */
  query<Row extends QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

/** A connection as this layer uses it. */
export interface RawConnection extends SqlConnection {
  readonly client: Client;
  /** Takes the socket away from `pg`, to speak the protocol without it. The connection is of no other use afterwards. */
  take(purpose: string): ByteSource;
  readonly signal: AbortSignal;
}

/**
 * Opens an ordinary connection. Several hosts are tried in order. Throws `postgres.unreachable` where none answers, `postgres.rejected`
 * where the server refuses the login, `postgres.misconfigured` for TLS, `secret.unavailable`, `value.invalid` for a malformed URI.
 */
export function openSql(connection: DesiredConnection, context: PostgresContext): Promise<SqlConnection> {
  return open(connection, context, { statement_timeout: STATEMENT_TIMEOUT });
}

/** As openSql, but to the replication protocol, with pg_hba.conf's pseudo-database "replication". */
export function openRaw(connection: DesiredConnection, context: PostgresContext): Promise<RawConnection> {
  // @types/pg does not know the property; `pg` passes it on in its startup message.
  const replication: ClientConfig & { replication: string } = { replication: 'true' };
  return open(connection, context, replication);
}

async function open(
  connection: DesiredConnection,
  context: PostgresContext,
  extra: ClientConfig,
): Promise<RawConnection> {
  const { signal } = context.effects;
  signal.throwIfAborted();
  const parameters = await resolveParameters(connection, context);
  let failure: Failure | undefined;
  for (const { host, port } of parameters.hosts) {
    const attempts = await tlsAttempts(parameters, host);
    for (const [index, tls] of attempts.entries()) {
      try {
        return await login(parameters, { host, port, tls, extra }, context);
      } catch (error) {
        signal.throwIfAborted();
        const next = toFailure(error, `${host}:${port}`, 'connect');
        // A login that was refused says more than a host that is down.
        if (failure?.code !== 'postgres.rejected') failure = next;
        // libpq tries the other way only where this one is not spoken or not admitted (pg_hba.conf: SQLSTATE 28000).
        if (index + 1 < attempts.length && !isTlsError(error) && sqlState(error) !== '28000') break;
      }
    }
  }
  throw failure ?? toFailure(new Error('the connection names no host'), 'connection', 'connect');
}

async function resolveParameters(
  connection: DesiredConnection,
  { secrets, effects }: PostgresContext,
): Promise<ConnectionParameters> {
  if (connection.kind === 'uri') {
    const uri = await secrets.resolve(connection.uri, effects.signal);
    return parseConnectionString(uri.reveal(), effects.environment);
  }
  const { host, port, user, database, sslmode, sslrootcert, sslcert, sslkey } = connection;
  const settings = { host, port: String(port), user, dbname: database, sslmode, sslrootcert, sslcert, sslkey };
  const parameters = connectionParameters(settings, effects.environment);
  return connection.password === undefined ? parameters : { ...parameters, password: connection.password };
}

interface Way {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsAttempt;
  readonly extra: ClientConfig;
}

async function login(
  parameters: ConnectionParameters,
  way: Way,
  { secrets, effects }: PostgresContext,
): Promise<RawConnection> {
  const { signal } = effects;
  const where = `${way.host}:${way.port}`;
  const pulled = way.tls === false ? createPullSocket() : undefined;
  const client = new Client({
    host: way.host,
    port: way.port,
    user: parameters.user,
    database: parameters.database,
    // A function, so that `pg` neither reads the environment by itself nor keeps the password where it prints its configuration.
    password: () => revealed(parameters.password, secrets, signal),
    ssl: way.tls,
    application_name: 'hoard',
    connectionTimeoutMillis: parameters.connectTimeoutMilliseconds,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    ...(parameters.options === undefined ? {} : { options: parameters.options }),
    ...(pulled === undefined ? {} : { stream: () => pulled.socket }),
    ...way.extra,
  });
  // A connection that breaks while idle reports it here; the next use fails by itself.
  client.on('error', () => undefined);
  const abort = (): void => void client.connection.stream.destroy();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await client.connect();
    signal.throwIfAborted();
  } catch (error) {
    signal.removeEventListener('abort', abort);
    client.connection.stream.destroy();
    signal.throwIfAborted();
    throw error;
  }
  let taken = false;
  return {
    where,
    client,
    signal,
    take(purpose) {
      taken = true;
      return takeOver(client.connection.stream, pulled, `${where}: ${purpose}`);
    },
    async query<Row extends QueryResultRow>(sql: string, values?: readonly unknown[]) {
      try {
        return (await client.query<Row>(sql, values === undefined ? undefined : [...values])).rows;
      } catch (error) {
        signal.throwIfAborted();
        throw toFailure(error, where, 'work');
      }
    },
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', abort);
      const { stream } = client.connection;
      // After a takeover or an abort nobody is there to read the end of the connection.
      if (signal.aborted || taken || stream.destroyed) stream.destroy();
      else await client.end();
    },
  };
}

async function revealed(
  password: ConnectionParameters['password'],
  secrets: SecretResolver,
  signal: AbortSignal,
): Promise<string> {
  if (password === undefined) return '';
  return (password instanceof Secret ? password : await secrets.resolve(password, signal)).reveal();
}
