import { Failure, type FailureCode, isFailure } from '../domain/failure.ts';

/** The fields of a server's ErrorResponse or NoticeResponse that hoard uses (PostgreSQL documentation, "Error and Notice Message Fields"). */
export interface ServerMessage {
  readonly severity: string;
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
}

/** What the server said, as a Failure. `where` names server and work, for example `db1:5432: BASE_BACKUP`. */
export function serverFailure(message: ServerMessage, where: string, cause?: unknown): Failure {
  const known = KNOWN.find(({ pattern }) => pattern.test(message.code));
  const hint = known?.hint ?? message.hint ?? message.detail;
  return new Failure(known?.code ?? 'postgres.query', {
    message: `${where}: ${message.message} (SQLSTATE ${message.code})`,
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

const KNOWN: readonly { readonly pattern: RegExp; readonly code: FailureCode; readonly hint?: string }[] = [
  { pattern: /^28P01$/, code: 'postgres.rejected', hint: 'check user and password of the connection' },
  {
    pattern: /^28/,
    code: 'postgres.rejected',
    hint: 'pg_hba.conf must let this user in, with one line for the database and one for "replication"; the user needs LOGIN and REPLICATION',
  },
  { pattern: /^3D000$/, code: 'postgres.rejected', hint: 'name an existing database in the connection' },
  {
    pattern: /^42501$/,
    code: 'postgres.rejected',
    hint: 'backups need a user with REPLICATION: alter role NAME replication',
  },
  // too_many_connections, cannot_connect_now (starting up or shutting down)
  {
    pattern: /^53300$/,
    code: 'postgres.unreachable',
    hint: 'all slots are taken: wait, or raise max_connections, for backups max_wal_senders, and restart PostgreSQL',
  },
  { pattern: /^57P03$/, code: 'postgres.unreachable' },
  // admin_shutdown, crash_shutdown, connection exceptions
  { pattern: /^(57P0[12]|08...)$/, code: 'postgres.broken' },
];

/** Whatever `pg` or a socket threw, as a Failure; a Failure passes through. Before the login has ended, a broken socket means unreachable. */
export function toFailure(error: unknown, where: string, phase: 'connect' | 'work'): Failure {
  if (isFailure(error)) return error;
  const server = serverMessageOf(error);
  if (server) return serverFailure(server, where, error);
  const text = error instanceof Error ? error.message || errorCode(error) : String(error);
  if (/SASL|SCRAM|password/i.test(text)) {
    return new Failure('postgres.rejected', {
      message: `${where}: the login failed: ${text}`,
      hint: 'check user and password of the connection',
      cause: error,
    });
  }
  if (isTlsError(error)) {
    return new Failure('postgres.misconfigured', {
      message: `${where}: TLS failed: ${text}`,
      hint: 'check sslmode and sslrootcert of the connection against the certificate of the server',
      cause: error,
    });
  }
  if (phase === 'work') return new Failure('postgres.broken', { message: `${where}: ${text}`, cause: error });
  return new Failure('postgres.unreachable', {
    message: `${where}: ${text}`,
    hint: 'is the server running and reachable from here? Check host and port of the connection, listen_addresses and firewalls',
    cause: error,
  });
}

/** The server has no TLS, or the handshake failed. */
export function isTlsError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    /SSL connection/.test(error.message) ||
    /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH)/.test(errorCode(error))
  );
}

/** SQLSTATE of a server error thrown by `pg`. */
export function sqlState(error: unknown): string | undefined {
  return serverMessageOf(error)?.code;
}

function serverMessageOf(error: unknown): ServerMessage | undefined {
  if (!(error instanceof Error) || !('severity' in error) || typeof error.severity !== 'string') return undefined;
  const field = (name: string): string | undefined => {
    const value: unknown = Reflect.get(error, name);
    return typeof value === 'string' ? value : undefined;
  };
  return {
    severity: error.severity,
    code: field('code') ?? 'XX000',
    message: error.message,
    detail: field('detail'),
    hint: field('hint'),
  };
}

function errorCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
