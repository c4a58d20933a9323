import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DesiredSftp } from '../../src/domain/desired-storage.ts';
import { createSecretResolver } from '../../src/policy/secret-resolver.ts';
import type { StorageContext } from '../../src/storage/storage-context.ts';
import { createSystemEffects } from '../../src/telemetry/system-effects.ts';
import type { PlainSftp } from '../../support/servers/plain-sftp.ts';
import type { SshdServer } from '../../support/servers/sshd.ts';
import { NEVER } from './bodies.ts';

/** As a policy would declare a directory on the server; the secrets are in the environment of `sftpContext`. */
export function declaredSftp(server: SshdServer, directory: string, change: Partial<DesiredSftp> = {}): DesiredSftp {
  return {
    type: 'sftp',
    host: server.host,
    port: server.port,
    directory: `${server.folder}/${directory}`,
    hostKeys: [server.hostKeys.ed25519.fingerprint],
    knownHosts: undefined,
    credentials: {
      username: server.username,
      password: undefined,
      privateKey: { kind: 'env', name: 'SFTP_KEY' },
      passphrase: undefined,
    },
    ...change,
  };
}

export function sftpContext(server: SshdServer, change: Record<string, string> = {}): StorageContext {
  const environment = { SFTP_KEY: server.key, HOME: server.folder, ...change };
  const effects = createSystemEffects({ environment, reporter: { report: () => undefined }, signal: NEVER });
  return { ...effects, secrets: createSecretResolver(environment), environment };
}

/** The same for a server that knows a password only. */
export function declaredPlainSftp(server: Pick<PlainSftp, 'port' | 'folder'>): {
  readonly storage: DesiredSftp;
  readonly context: StorageContext;
} {
  const knownHosts = join(server.folder, '../known_hosts');
  const key = readFileSync(join(server.folder, '../host.pub'), 'utf8');
  writeFileSync(knownHosts, `[127.0.0.1]:${server.port} ${key}`);
  const environment = { SFTP_PASSWORD: 'secret' };
  const effects = createSystemEffects({ environment, reporter: { report: () => undefined }, signal: NEVER });
  return {
    storage: {
      type: 'sftp',
      host: '127.0.0.1',
      port: server.port,
      directory: join(server.folder, 'store'),
      hostKeys: [],
      knownHosts,
      credentials: {
        username: 'tester',
        password: { kind: 'env', name: 'SFTP_PASSWORD' },
        privateKey: undefined,
        passphrase: undefined,
      },
    },
    context: { ...effects, environment, secrets: createSecretResolver(environment) },
  };
}
