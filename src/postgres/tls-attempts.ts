import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { Failure, unreachable } from '../domain/failure.ts';
import type { ConnectionParameters } from './connection-string.ts';

/** One way to open a connection: without TLS, or with these options. */
export type TlsAttempt = false | ConnectionOptions;

/**
 * libpq's sslmode as the attempts to make, in order (PostgreSQL documentation, "SSL Support", table "SSL Mode Descriptions"):
 * `prefer` falls back to no TLS, `allow` the other way round, `require` verifies the chain only where sslrootcert is given.
 * Without sslrootcert, `verify-full` uses the certificates that Node trusts; `verify-ca` then proves nothing and is refused.
 */
export async function tlsAttempts(parameters: ConnectionParameters, host: string): Promise<readonly TlsAttempt[]> {
  // A Unix socket never leaves the machine; libpq does not use TLS there either.
  if (host.startsWith('/')) return [false];
  const anybody = async (): Promise<ConnectionOptions> => ({
    ...(await identity(parameters)),
    rejectUnauthorized: false,
  });
  switch (parameters.sslmode) {
    case 'disable':
      return [false];
    case 'allow':
      return [false, await anybody()];
    case 'prefer':
      return [await anybody(), false];
    case 'require':
      return [parameters.sslrootcert === undefined ? await anybody() : await verifiedChain(parameters)];
    case 'verify-ca':
      if (parameters.sslrootcert === undefined || parameters.sslrootcert === 'system') {
        throw new Failure('postgres.misconfigured', {
          message:
            'sslmode verify-ca needs a root certificate of your own, since anybody can get a certificate from a public authority',
          hint: 'give sslrootcert, or use sslmode verify-full',
        });
      }
      return [await verifiedChain(parameters)];
    case 'verify-full':
      return [{ ...(await identity(parameters)), ...(await roots(parameters)) }];
    default:
      return unreachable(parameters.sslmode);
  }
}

async function verifiedChain(parameters: ConnectionParameters): Promise<ConnectionOptions> {
  return { ...(await identity(parameters)), ...(await roots(parameters)), checkServerIdentity: () => undefined };
}

async function roots({ sslrootcert }: ConnectionParameters): Promise<ConnectionOptions> {
  return sslrootcert === undefined || sslrootcert === 'system' ? {} : { ca: await pem('sslrootcert', sslrootcert) };
}

async function identity({ sslcert, sslkey }: ConnectionParameters): Promise<ConnectionOptions> {
  return {
    ...(sslcert === undefined ? {} : { cert: await pem('sslcert', sslcert) }),
    ...(sslkey === undefined ? {} : { key: await pem('sslkey', sslkey) }),
  };
}

async function pem(parameter: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new Failure('postgres.misconfigured', { message: `${parameter} ${file} cannot be read`, cause });
  }
}
