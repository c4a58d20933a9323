import { Failure } from '../domain/failure.ts';
import type { SecretReference } from '../domain/secret-reference.ts';
import { Secret } from '../policy/secret.ts';

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
type SslMode = (typeof SSL_MODES)[number];

/** Everything needed to connect, with libpq's meaning (PostgreSQL documentation, "Parameter Key Words"). */
export interface ConnectionParameters {
  /** Tried in this order; a host that starts with `/` is the directory of a Unix socket. At least one. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly user: string;
  readonly database: string;
  /** A reference where the policy names one: it is resolved when the server asks. */
  readonly password: Secret | SecretReference | undefined;
  readonly sslmode: SslMode;
  /** Path of a PEM file, or `system` for the certificates that Node trusts. */
  readonly sslrootcert: string | undefined;
  readonly sslcert: string | undefined;
  readonly sslkey: string | undefined;
  readonly connectTimeoutMilliseconds: number;
  /** Server options as in libpq's `options`, for example `-c statement_timeout=0`. */
  readonly options: string | undefined;
}

const KNOWN = [
  'host',
  'hostaddr',
  'port',
  'user',
  'password',
  'dbname',
  'sslmode',
  'ssl',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'connect_timeout',
  'options',
];
/** Accepted because people's connection strings contain them; hoard finds roles out by itself and names itself. */
const IGNORED =
  /^(application_name|fallback_application_name|target_session_attrs|load_balance_hosts|keepalives\w*|tcp_user_timeout|channel_binding|gssencmode|client_encoding|passfile|replication|sslcompression|sslsni|ssl_min_protocol_version|krbsrvname)$/;

type Settings = Readonly<Record<string, string | undefined>>;

/**
 * Reads a libpq connection URI (`postgres://user@host1,host2:5433/db?sslmode=require`) or keyword list (`host=db user=hoard`).
 * What is absent comes from PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE and PGSSLROOTCERT, then defaults: localhost, 5432, the user's
 * name, database `postgres`, sslmode `prefer`. Throws `value.invalid`; no message contains any part of the text, which holds a password.
 */
export function parseConnectionString(text: string, environment: Settings): ConnectionParameters {
  const settings = /^postgres(ql)?:\/\//.test(text) ? parseUri(text) : parseKeywords(text);
  for (const name of Object.keys(settings)) {
    if (!KNOWN.includes(name) && !IGNORED.test(name)) {
      throw invalid(
        `the connection string has a parameter that hoard does not know`,
        `known parameters: ${KNOWN.join(', ')}`,
      );
    }
  }
  return connectionParameters(settings, environment);
}

/** Applies the environment and the defaults; the keys are libpq's. */
export function connectionParameters(settings: Settings, environment: Settings): ConnectionParameters {
  const value = (name: string, variable: string): string | undefined =>
    nonEmpty(settings[name]) ?? nonEmpty(environment[variable]);
  const user = value('user', 'PGUSER') ?? nonEmpty(environment['USER']) ?? 'postgres';
  const password = value('password', 'PGPASSWORD');
  const timeout = Number(value('connect_timeout', 'PGCONNECT_TIMEOUT') ?? 10);
  return {
    hosts: hostList(
      nonEmpty(settings['hostaddr']) ?? value('host', 'PGHOST') ?? 'localhost',
      value('port', 'PGPORT') ?? '5432',
    ),
    user,
    database: value('dbname', 'PGDATABASE') ?? 'postgres',
    password: password === undefined ? undefined : new Secret(password),
    sslmode: sslMode(value('sslmode', 'PGSSLMODE') ?? (settings['ssl'] === 'true' ? 'require' : 'prefer')),
    sslrootcert: value('sslrootcert', 'PGSSLROOTCERT'),
    sslcert: value('sslcert', 'PGSSLCERT'),
    sslkey: value('sslkey', 'PGSSLKEY'),
    // libpq: zero, negative or absent means "wait for ever"; an unattended program must not.
    connectTimeoutMilliseconds: Number.isFinite(timeout) && timeout > 0 ? Math.ceil(timeout * 1000) : 10_000,
    options: nonEmpty(settings['options']),
  };
}

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

function sslMode(text: string): SslMode {
  const mode = SSL_MODES.find((known) => known === text);
  if (!mode) throw invalid('the sslmode of the connection is not one of libpq', `write one of ${SSL_MODES.join(', ')}`);
  return mode;
}

/** libpq: as many ports as hosts, or one for all. */
function hostList(hosts: string, ports: string): ConnectionParameters['hosts'] {
  const names = hosts.split(',');
  const numbers = ports.split(',').map((port) => (port === '' ? 5432 : Number(port)));
  if (numbers.some((port) => !Number.isInteger(port) || port < 1 || port > 65_535))
    throw invalid('the port of the connection is not a port number');
  if (numbers.length !== 1 && numbers.length !== names.length)
    throw invalid(`the connection names ${names.length} hosts and ${numbers.length} ports`);
  return names.map((host, index) => ({
    host: nonEmpty(host) ?? 'localhost',
    port: numbers[index] ?? numbers[0] ?? 5432,
  }));
}

const URI = /^postgres(?:ql)?:\/\/(?:([^/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s;

function parseUri(text: string): Settings {
  const match = URI.exec(text);
  if (!match) throw invalid('the connection URI is malformed', 'write it like postgres://user@host:5432/database');
  const [, login = '', hostSpec = '', database = '', query = ''] = match;
  const [user = '', ...rest] = login.split(':');
  const hosts: string[] = [];
  const ports: string[] = [];
  for (const spec of hostSpec.split(',')) {
    const parts = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(spec);
    if (!parts)
      throw invalid('a host of the connection URI is malformed', 'write host, host:port or [IPv6 address]:port');
    hosts.push(decode(parts[1] ?? '').replace(/^\[(.*)\]$/, '$1'));
    ports.push(parts[2] ?? '');
  }
  const settings: Record<string, string> = {};
  if (hosts.some(Boolean)) settings['host'] = hosts.join(',');
  if (ports.some(Boolean)) settings['port'] = ports.join(',');
  if (user !== '') settings['user'] = decode(user);
  if (rest.length > 0) settings['password'] = decode(rest.join(':'));
  if (database !== '') settings['dbname'] = decode(database);
  for (const pair of query.split('&').filter(Boolean)) {
    const at = pair.indexOf('=');
    if (at < 1)
      throw invalid('a parameter of the connection URI has no value', 'write parameters as ?name=value&name=value');
    settings[decode(pair.slice(0, at))] = decode(pair.slice(at + 1));
  }
  return settings;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // The error of decodeURIComponent could quote the text.
    throw invalid('the connection URI has a malformed % escape', 'write % itself as %25');
  }
}

function parseKeywords(text: string): Settings {
  const settings: Record<string, string> = {};
  const pattern = /\s*([\w]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)\s*/gsy;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (!match?.[1]) throw invalid('the connection string is neither a postgres:// URI nor a list of keyword=value');
    settings[match[1]] = (match[2] ?? match[3] ?? '').replace(/\\(.)/gs, '$1');
  }
  return settings;
}

const invalid = (message: string, hint?: string): Failure =>
  new Failure('value.invalid', hint === undefined ? { message } : { message, hint });
