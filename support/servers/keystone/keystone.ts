import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort, watch } from '../../server-process.ts';
import { giveToServer, unprivileged } from '../../unprivileged.ts';
import { type KeystoneAdmin, keystoneAdmin } from './admin.ts';
import { keystoneConfiguration, keystoneServer } from './configuration.ts';

const PYTHON = '/usr/bin/python3';
const MANAGE = '/usr/bin/keystone-manage';
const MIDDLEWARE = '/usr/lib/python3/dist-packages/keystonemiddleware';

/** Debian's keystone, and python3-keystonemiddleware with which a Swift proxy asks it. */
export const isKeystoneInstalled = (): boolean => [PYTHON, MANAGE, MIDDLEWARE].every((file) => existsSync(file));

/** OpenStack Keystone over SQLite: a child of this process that ends with it. */
export interface KeystoneServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/v3`. */
  readonly authUrl: string;
  readonly admin: KeystoneAdmin;
  readonly adminPassword: string;
  /** Starts it again; tokens that were given out keep the life that they have. */
  setTokenLife(seconds: number): Promise<void>;
  log(): string;
}

// Alone it is up in about ten seconds, of which making the tables and the keys are six.
const READY_WITHIN = 300_000;
/**
 * Keystone's own default. Where it is short the middleware of Swift comes to nothing under load: each of many requests at once renews
 * the token that it asks with, and those that come last find it expired again.
 */
const USUAL_TOKEN_SECONDS = 3600;

export async function startKeystone(): Promise<KeystoneServer> {
  for (let attempt = 1; ; attempt += 1) {
    const server = new Server(mkdtempSync(path.join(os.tmpdir(), 'hoard-keystone-')), await freePort());
    try {
      await server.start();
      return server;
    } catch (error) {
      const log = server.log();
      await server[Symbol.asyncDispose]();
      // Another process may take a port between finding and using it.
      if (attempt === 3 || !log.includes('Address already in use')) throw error;
    }
  }
}

class Server implements KeystoneServer {
  readonly authUrl: string;
  readonly admin: KeystoneAdmin;
  readonly adminPassword = 'hoard-test-admin';
  readonly #folder: string;
  readonly #port: number;
  #child: ChildProcess | undefined;
  #watchdog: ChildProcess | undefined;

  constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.authUrl = `http://127.0.0.1:${port}/v3`;
    this.admin = keystoneAdmin(this.authUrl, this.adminPassword);
  }

  async start(): Promise<void> {
    for (const name of ['tokens', 'receipts', 'credentials'])
      mkdirSync(this.#path(`keys/${name}`), { recursive: true, mode: 0o700 });
    writeFileSync(this.#path('keystone.conf'), keystoneConfiguration(this.#folder, USUAL_TOKEN_SECONDS));
    writeFileSync(this.#path('serve.py'), keystoneServer(this.#folder, this.#port));
    giveToServer(this.#folder);
    const { uid, gid } = await this.#ids();
    const as = ['--keystone-user', uid, '--keystone-group', gid];
    await this.#manage(['db_sync']);
    await Promise.all(['fernet_setup', 'credential_setup'].map((command) => this.#manage([command, ...as])));
    const urls = ['admin', 'internal', 'public'].flatMap((name) => [`--bootstrap-${name}-url`, this.authUrl]);
    await this.#manage(['bootstrap', '--bootstrap-password', this.adminPassword, ...urls]);
    await this.#serve();
  }

  #path(name: string): string {
    return path.join(this.#folder, name);
  }

  /** Who the server runs as, in its own eyes. */
  async #ids(): Promise<{ readonly uid: string; readonly gid: string }> {
    const { command, args, ...ids } = unprivileged(PYTHON, ['-c', 'import os; print(os.getuid(), os.getgid())']);
    const { stdout } = await promisify(execFile)(command, args, { ...ids, cwd: '/' });
    const [uid = '', gid = ''] = stdout.trim().split(' ');
    return { uid, gid };
  }

  async #manage(args: readonly string[]): Promise<void> {
    const {
      command,
      args: all,
      ...ids
    } = unprivileged(MANAGE, ['--config-file', this.#path('keystone.conf'), ...args]);
    await promisify(execFile)(command, all, { ...ids, cwd: '/', timeout: READY_WITHIN, maxBuffer: 16 * 1024 * 1024 });
  }

  async #serve(): Promise<void> {
    const { command, args, ...ids } = unprivileged(PYTHON, [this.#path('serve.py')]);
    const log = openSync(this.#path('log'), 'a');
    const child = spawn(command, args, { ...ids, stdio: ['ignore', log, log], cwd: '/', detached: true });
    closeSync(log);
    child.on('error', () => undefined);
    child.unref();
    this.#child = child;
    if (child.pid !== undefined) this.#watchdog = watch(child.pid, this.#folder);
    const end = performance.now() + READY_WITHIN;
    while (!(await answers(this.authUrl))) {
      if (hasEnded(child)) throw new Error(`Keystone ended at its start:\n${this.log().slice(-4000)}`);
      if (performance.now() > end) throw new Error(`Keystone did not answer:\n${this.log().slice(-4000)}`);
      await sleep(50);
    }
  }

  async setTokenLife(seconds: number): Promise<void> {
    await this.#end();
    writeFileSync(this.#path('keystone.conf'), keystoneConfiguration(this.#folder, seconds));
    await this.#serve();
  }

  log(): string {
    const file = this.#path('log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child?.pid !== undefined && !hasEnded(child)) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      // Waiting needs the process in the event loop again.
      child.ref();
      child.kill('SIGKILL');
      await ended;
    }
    this.#watchdog?.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
