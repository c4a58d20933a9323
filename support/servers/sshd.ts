import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, freePort, watch } from '../server-process.ts';
import { newSshKey } from './ssh-key.ts';

const PROGRAM = '/usr/sbin/sshd';
const SFTP_SERVER = '/usr/lib/openssh/sftp-server';

/** False where Debian's openssh-server is not installed. */
export function hasSshd(): boolean {
  return existsSync(PROGRAM) && existsSync(SFTP_SERVER);
}

/** OpenSSH's server with only SFTP, for the user that runs the tests, with keys of its own. */
export interface SshdServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** Accepted: without a passphrase, and with the passphrase `open sesame`. */
  readonly key: string;
  readonly encryptedKey: string;
  readonly passphrase: string;
  /** For stores; goes with the server. */
  readonly folder: string;
  readonly hostKeys: { readonly ed25519: HostKey; readonly rsa: HostKey };
  /** Ends it and all its connections. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

interface HostKey {
  /** `SHA256:…` */
  readonly fingerprint: string;
  /** `ssh-ed25519 AAAA…`, as in a known_hosts file after the host. */
  readonly line: string;
}

const PASSPHRASE = 'open sesame';

interface SshdOptions {
  /** What runs for a session, instead of OpenSSH's own program: a path of it that is traced, for example. */
  readonly subsystem?: (program: string) => string;
}

export async function startSshd({ subsystem = (program) => program }: SshdOptions = {}): Promise<SshdServer> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-sshd-'));
  // The separation of privileges wants it, when it is started by root.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const file = (name: string): string => path.join(folder, name);
  makeKey(file('host_ed25519'), 'ed25519');
  makeKey(file('host_rsa'), 'rsa');
  makeKey(file('user'), 'ed25519');
  makeKey(file('user_encrypted'), 'ed25519', PASSPHRASE);
  writeFileSync(
    file('authorized'),
    readFileSync(file('user.pub'), 'utf8') + readFileSync(file('user_encrypted.pub'), 'utf8'),
  );
  mkdirSync(file('stores'));
  const port = await freePort();
  writeFileSync(file('config'), configuration(file, port, subsystem(SFTP_SERVER)));
  let server = await start(folder, port);
  return {
    host: '127.0.0.1',
    port,
    username: os.userInfo().username,
    key: readFileSync(file('user'), 'utf8'),
    encryptedKey: readFileSync(file('user_encrypted'), 'utf8'),
    passphrase: PASSPHRASE,
    folder: file('stores'),
    hostKeys: { ed25519: hostKey(file('host_ed25519.pub')), rsa: hostKey(file('host_rsa.pub')) },
    kill: () => end(server),
    restart: async () => {
      server = await start(folder, port);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await end(server);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configuration(file: (name: string) => string, port: number, subsystem: string): string {
  return `Port ${port}
ListenAddress 127.0.0.1
HostKey ${file('host_ed25519')}
HostKey ${file('host_rsa')}
PidFile none
AuthorizedKeysFile ${file('authorized')}
StrictModes no
UsePAM no
PasswordAuthentication yes
PermitRootLogin prohibit-password
MaxStartups 100
LogLevel ERROR
Subsystem sftp ${subsystem}
`;
}

function makeKey(file: string, type: 'ed25519' | 'rsa', passphrase?: string): void {
  const key = newSshKey(type, passphrase);
  writeFileSync(file, key.private, { mode: 0o600 });
  writeFileSync(`${file}.pub`, `${key.public} hoard-test\n`);
}

function hostKey(file: string): HostKey {
  const [type = '', key = ''] = readFileSync(file, 'utf8').split(' ');
  const digest = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '');
  return { fingerprint: `SHA256:${digest}`, line: `${type} ${key}` };
}

async function start(folder: string, port: number): Promise<ChildProcess> {
  const server = spawn(PROGRAM, ['-D', '-e', '-f', path.join(folder, 'config')], {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-10_000);
  });
  await once(server, 'spawn');
  const watchdog = watch(server.pid ?? 0, folder);
  server.once('exit', () => watchdog.kill('SIGKILL'));
  const deadline = Date.now() + 30_000;
  while (!(await answers(port))) {
    if (server.exitCode !== null || server.signalCode !== null) throw new Error(`sshd ended: ${said}`);
    if (Date.now() > deadline) {
      await end(server);
      throw new Error(`sshd did not answer within 30 seconds: ${said}`);
    }
    await sleep(10);
  }
  return server;
}

function answers(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1');
  socket
    .once('data', () => resolve(true))
    .once('error', () => resolve(false))
    .once('close', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

/** The connections are children that outlive the one that listens; they end with it here, as when a machine goes down. */
async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exit = once(server, 'exit');
  server.kill('SIGSTOP');
  const all = descendants(server.pid ?? 0);
  for (const pid of all) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Ended by itself.
    }
  }
  server.kill('SIGKILL');
  await exit;
}

function descendants(pid: number): readonly number[] {
  return childrenOf(pid).flatMap((child) => [...descendants(child), child]);
}
