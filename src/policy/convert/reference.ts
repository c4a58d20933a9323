import path from 'node:path';
import type { DesiredConnection } from '../../domain/desired-connection.ts';
import { Failure } from '../../domain/failure.ts';
import type { SecretReference } from '../../domain/secret-reference.ts';
import type { Connection, Secret } from '../generated/documents.ts';
import { DEFAULTS } from './defaults.ts';

/** Makes paths of one policy file absolute: relative ones start at its folder, since hoard may run with any working directory. */
export type ResolvePath = (written: string) => string;

export function pathsFrom(folder: string): ResolvePath {
  return (written) => path.resolve(folder, written);
}

export function toSecret(secret: Secret, resolve: ResolvePath): SecretReference {
  if (secret.fromEnv !== undefined) return { kind: 'env', name: secret.fromEnv };
  if (secret.fromFile !== undefined) return { kind: 'file', path: resolve(secret.fromFile) };
  if (secret.fromExec !== undefined) return { kind: 'exec', command: toCommand(secret.fromExec, resolve) };
  throw new Failure('bug', { message: 'a secret reference without a source passed the schema' });
}

export function toOptionalSecret(secret: Secret | undefined, resolve: ResolvePath): SecretReference | undefined {
  return secret === undefined ? undefined : toSecret(secret, resolve);
}

/** A program given as a relative path starts at the file's folder as other paths do; a bare name is looked up in PATH. */
function toCommand(command: readonly string[], resolve: ResolvePath): readonly string[] {
  const [program = '', ...args] = command;
  return [program.includes('/') ? resolve(program) : program, ...args];
}

export function toConnection(connection: Connection, resolve: ResolvePath): DesiredConnection {
  const { uri, slot } = connection;
  if (uri !== undefined) return { kind: 'uri', uri: toSecret(uri, resolve), slot };
  return {
    kind: 'parameters',
    host: connection.host ?? '',
    port: connection.port ?? DEFAULTS.connection.port,
    user: connection.user,
    database: connection.database,
    password: toOptionalSecret(connection.password, resolve),
    sslmode: connection.sslmode,
    sslrootcert: optionalPath(connection.sslrootcert, resolve),
    sslcert: optionalPath(connection.sslcert, resolve),
    sslkey: optionalPath(connection.sslkey, resolve),
    slot,
  };
}

export function optionalPath(written: string | undefined, resolve: ResolvePath): string | undefined {
  return written === undefined ? undefined : resolve(written);
}

/** Applies a parser where something is written. */
export function optional<T, R>(value: T | undefined, convert: (value: T) => R): R | undefined {
  return value === undefined ? undefined : convert(value);
}
