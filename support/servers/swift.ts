import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, watch } from '../server-process.ts';
import { type SwiftOptions, type SwiftPorts, writeSwiftFiles } from './swift-files.ts';

const PYTHON = '/usr/bin/python3';
const MEMCACHED = '/usr/bin/memcached';
const SERVERS = ['account', 'container', 'object'] as const;
const programOf = (name: string): string => `/usr/bin/swift-${name}-server`;

/** Debian's swift-proxy, swift-account, swift-container, swift-object and memcached. */
export const swiftInstalled = (): boolean =>
  [PYTHON, MEMCACHED, ...['proxy', ...SERVERS].map(programOf)].every((file) => existsSync(file));

/** OpenStack Swift with one replica: four servers and memcached, children of this process that end with it. */
export interface SwiftServer extends AsyncDisposable {
  /** Of tempauth, for version 1: `http://127.0.0.1:PORT/auth/v1.0`. */
  readonly authUrl: string;
  /** Where requests go: `http://127.0.0.1:PORT`. */
  readonly origin: string;
  readonly user: string;
  readonly key: string;
  makeContainer(name: string): Promise<void>;
  /** A request as the tester, below the account's storage URL; `place` is `/container/object?query`. */
  request(method: string, place: string, headers?: Record<string, string>, body?: Uint8Array): Promise<Response>;
  /** Every token that was given out is refused from now on: those of tempauth live in memcached. */
  forgetTokens(): Promise<void>;
  /** SIGKILL to the proxy server; what is stored stays. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** The proxy server stops to answer (SIGSTOP), and goes on. */
  pause(): void;
  resume(): void;
  log(): string;
}

export async function startSwift(options: SwiftOptions = {}): Promise<SwiftServer> {
  for (let attempt = 1; ; attempt += 1) {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-swift-'));
    const server = new Server(folder, await freePorts(), options);
    try {
      await server.start();
      return server;
    } catch (error) {
      const log = server.log();
      await server[Symbol.asyncDispose]();
      // Another process may take a port between finding and using it.
      if (attempt === 3 || !/Address already in use|Could not bind|failed to listen/.test(log)) throw error;
    }
  }
}

async function freePorts(): Promise<SwiftPorts> {
  const ports = new Set<number>();
  while (ports.size < 5) ports.add(await freePort());
  const [proxy = 0, account = 0, container = 0, object = 0, memcached = 0] = ports;
  return { proxy, account, container, object, memcached };
}

class Server implements SwiftServer {
  readonly user = 'test:tester';
  readonly key = 'testing';
  readonly #folder: string;
  readonly #ports: SwiftPorts;
  readonly #options: SwiftOptions;
  readonly #children: ChildProcess[] = [];
  readonly #watchdogs: ChildProcess[] = [];
  #proxy: ChildProcess | undefined;

  constructor(folder: string, ports: SwiftPorts, options: SwiftOptions) {
    this.#folder = folder;
    this.#ports = ports;
    this.#options = options;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#ports.proxy}`;
  }

  get authUrl(): string {
    return `${this.origin}/auth/v1.0`;
  }

  async start(): Promise<void> {
    // Swift refuses to run as root, and drops to a user that must have a name.
    const asRoot = process.getuid?.() === 0;
    const user = asRoot ? 'nobody' : os.userInfo().username;
    chmodSync(this.#folder, 0o711);
    writeSwiftFiles(this.#folder, this.#ports, { user, ...this.#options });
    mkdirSync(path.join(this.#folder, 'dev', 'd1'), { recursive: true });
    if (asRoot) run('chown', ['-R', 'nobody:', this.#folder]);
    run(PYTHON, [path.join(this.#folder, 'rings.py')]);
    if (asRoot) run('chown', ['-R', 'nobody:', this.#folder]);
    const memcached = ['-l', '127.0.0.1', '-p', String(this.#ports.memcached), '-U', '0', '-m', '16'];
    this.#children.push(this.#spawn(MEMCACHED, memcached));
    for (const name of SERVERS) this.#children.push(this.#spawnServer(name));
    this.#proxy = this.#spawnServer('proxy');
    await this.#ready();
  }

  #spawnServer(name: string): ChildProcess {
    return this.#spawn(PYTHON, [programOf(name), path.join(this.#folder, `${name}-server.conf`), '--verbose']);
  }

  #spawn(command: string, args: readonly string[]): ChildProcess {
    const log = openSync(path.join(this.#folder, 'log'), 'a');
    const ids = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    const child = spawn(command, args, { ...ids, stdio: ['ignore', log, log], cwd: '/', detached: true });
    closeSync(log);
    child.on('error', () => undefined);
    child.unref();
    if (child.pid !== undefined) this.#watchdogs.push(watch(child.pid, this.#folder));
    return child;
  }

  /** The proxy answers, and behind it the other three: a container can be made. */
  async #ready(): Promise<void> {
    // A proxy with Keystone asks it first, which has one thread: requests that were given up would only keep it busy.
    const [within, each] = this.#options.keystone === undefined ? [60_000, 5000] : [180_000, 60_000];
    const end = performance.now() + within;
    for (;;) {
      if ([...this.#children, this.#proxy].some((child) => child !== undefined && !isRunning(child)))
        throw new Error(`a server of Swift ended at its start:\n${this.log().slice(-4000)}`);
      const asked = this.request('PUT', '/hoard-ready', {}, undefined, AbortSignal.timeout(each));
      const made = await asked.catch(() => undefined);
      if (made?.ok === true) return;
      if (performance.now() > end) throw new Error(`Swift did not start in time:\n${this.log().slice(-4000)}`);
      await sleep(50);
    }
  }

  async makeContainer(name: string): Promise<void> {
    const made = await this.request('PUT', `/${name}`);
    if (!made.ok) throw new Error(`the container ${name} was not made: ${made.status}`);
  }

  async request(
    method: string,
    place: string,
    headers: Record<string, string> = {},
    body?: Uint8Array,
    signal: AbortSignal | null = null,
  ): Promise<Response> {
    const { token, url } = await this.#logIn(signal);
    return fetch(`${url}${place}`, {
      method,
      signal,
      headers: { 'X-Auth-Token': token, ...headers },
      ...(body && { body: new Uint8Array(body) }),
    });
  }

  async #logIn(signal: AbortSignal | null): Promise<{ readonly token: string; readonly url: string }> {
    const { keystone } = this.#options;
    if (keystone !== undefined)
      return { token: await keystone.token(), url: `${this.origin}/v1/AUTH_${keystone.project}` };
    const login = await fetch(this.authUrl, {
      headers: { 'X-Auth-User': this.user, 'X-Auth-Key': this.key },
      signal,
    });
    await login.arrayBuffer();
    const token = login.headers.get('x-auth-token');
    if (token === null) throw new Error(`no token: ${login.status}`);
    return { token, url: login.headers.get('x-storage-url') ?? '' };
  }

  async forgetTokens(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = connect(this.#ports.memcached, '127.0.0.1', () => socket.write('flush_all\r\n'));
    socket.once('error', reject);
    socket.once('data', () => resolve());
    await promise.finally(() => socket.destroy());
  }

  async kill(): Promise<void> {
    if (this.#proxy !== undefined) await end(this.#proxy);
  }

  async restart(): Promise<void> {
    await this.kill();
    this.#proxy = this.#spawnServer('proxy');
    await this.#ready();
  }

  pause(): void {
    this.#proxy?.kill('SIGSTOP');
  }

  resume(): void {
    this.#proxy?.kill('SIGCONT');
  }

  log(): string {
    const file = path.join(this.#folder, 'log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#children, this.#proxy].map(async (child) => child && end(child)));
    for (const watchdog of this.#watchdogs) watchdog.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

// The user nobody on Debian.
const NOBODY = 65_534;

const isRunning = (child: ChildProcess): boolean =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null;

async function end(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return;
  const ended = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  // Waiting needs the process in the event loop again.
  child.ref();
  child.kill('SIGKILL');
  await ended;
}

function run(command: string, args: readonly string[]): void {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${command} failed: ${result.error?.message ?? ''}${result.stderr}`);
}
