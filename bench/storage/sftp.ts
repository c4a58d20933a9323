import { EventEmitter } from 'node:events';
import { createReadStream, mkdtempSync } from 'node:fs';
import path from 'node:path';
import type { SFTPWrapper } from 'ssh2';
import Client from 'ssh2-sftp-client';
import type { DesiredSftp } from '../../src/domain/desired-storage.ts';
import { createSecretResolver } from '../../src/policy/secret-resolver.ts';
import { createSftpDirectory } from '../../src/storage/sftp/sftp-driver.ts';
import { createSystemEffects } from '../../src/telemetry/system-effects.ts';
import { hasSshd, startSshd } from '../../support/servers/sshd.ts';
import type { BenchBackend } from './backend.ts';

/**
 * Beside it: ssh2-sftp-client, by one connection as hoard. A put is `put` of the bytes under another name, fsync, rename, and fsync of the
 * directory, as any careful program: a put that the server may lose is not the same work. The client has no fsync, the library below it does. A get is `fastGet`, 64 requests at a time, which writes a file that is read then: `get` waits for
 * each answer before it asks for more, and took 34 s for sixteen objects of 16 MiB.
 */
export const sftp: BenchBackend = {
  missing: () => (hasSshd() ? undefined : 'openssh-server is not installed'),
  async serve() {
    const server = await startSshd();
    const { host, port, username, key, folder, hostKeys } = server;
    const at = { host, port: String(port), username, key, folder, hostKey: hostKeys.ed25519.fingerprint };
    const effects = createSystemEffects({
      environment: at,
      reporter: { report: () => undefined },
      signal: new AbortController().signal,
    });
    await createSftpDirectory(declare(at), { ...effects, secrets: createSecretResolver(at), environment: at });
    return { at, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  },
  declare,
  async plain({ host = '', port, username = '', key: privateKey = '', folder = '' }) {
    // The client listens for an end of its connection once more with each operation that is underway.
    EventEmitter.defaultMaxListeners = 64;
    const client = new Client();
    await client.connect({ host, port: Number(port), username, privateKey });
    const received = mkdtempSync(path.join(folder, 'received-'));
    let next = 0;
    const syncPath = (file: string): Promise<void> => sync(channelOf(client), file);
    const made = new Map<string, Promise<unknown>>();
    return {
      async put(key, body) {
        const file = path.posix.join(folder, 'plain', key);
        const parent = path.posix.dirname(file);
        const making = made.get(parent) ?? client.mkdir(parent, true);
        made.set(parent, making);
        await making;
        await client.put(body, `${file}.tmp`);
        await syncPath(`${file}.tmp`);
        await client.posixRename(`${file}.tmp`, file);
        await syncPath(parent);
      },
      async get(key) {
        const file = path.join(received, String(next));
        next += 1;
        await client.fastGet(path.posix.join(folder, 'plain', key), file);
        return createReadStream(file);
      },
      close: async () => {
        await client.end();
      },
    };
  },
};

function declare({ host = '', port, username = '', folder = '', hostKey = '' }: Readonly<Record<string, string>>) {
  return {
    type: 'sftp',
    host,
    port: Number(port),
    directory: `${folder}/hoard`,
    hostKeys: [hostKey],
    knownHosts: undefined,
    credentials: {
      username,
      password: undefined,
      privateKey: { kind: 'env', name: 'key' },
      passphrase: undefined,
    },
  } satisfies DesiredSftp;
}

/** The client's SFTP channel, for which it has no public name. */
function channelOf(client: Client): SFTPWrapper {
  return Reflect.get(client, 'sftp');
}

async function sync(sftp: SFTPWrapper, file: string): Promise<void> {
  const handle = await answer<Buffer>((done) => sftp.open(file, 'r', done));
  await answer<unknown>((done) => sftp.ext_openssh_fsync(handle, (error) => done(error ?? undefined, undefined)));
  await answer<unknown>((done) => sftp.close(handle, (error) => done(error ?? undefined, undefined)));
}

async function answer<T>(ask: (done: (error: Error | undefined, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    ask((error, value) => (error === undefined ? resolve(value) : reject(error)));
  });
}
