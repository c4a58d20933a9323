import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort, watch } from '../server-process.ts';
import { giveToServer, unprivileged } from '../unprivileged.ts';
import { cephConfiguration } from './ceph-configuration.ts';

/** A Ceph cluster of one monitor, one OSD in memory and one RADOS Gateway: a real S3 server. It ends with this process, however that happens. */
export interface CephServer extends AsyncDisposable {
  readonly endpoint: string;
  /** The same gateway over TLS, where a certificate was given. */
  readonly tlsEndpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** A client of the SDK, of the server's first user or of another. */
  client(credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }): S3Client;
  makeBucket(name: string, options?: { readonly lock?: boolean; readonly versioning?: boolean }): Promise<void>;
  /**
   * SIGKILL to the gateway alone: what it has acknowledged stays, connections break. For half a minute afterwards changes of users and
   * buckets (not of objects) take ten seconds each, because the cluster still waits for the dead one: make those before.
   */
  kill(): Promise<void>;
  /** Starts the gateway again, on the same port; ends it orderly where it is running. */
  restart(): Promise<void>;
  /** Stops the OSD: connections stay, requests hang. */
  pause(): void;
  resume(): void;
  /** Runs radosgw-admin, for example `['quota', 'set', …]`. */
  admin(args: readonly string[]): Promise<string>;
  /** What the processes have written. */
  log(): string;
}

export interface CephOptions {
  /** PEM texts; with them the gateway also listens on a TLS port. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Ceph's own settings, instead of or beside those of ceph-configuration.ts. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

const PROGRAMS = ['ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'ceph', 'ceph-authtool', 'monmaptool'];

/** True where Debian's radosgw, ceph-mon and ceph-osd are installed. */
export function isCephInstalled(): boolean {
  return PROGRAMS.every((program) => existsSync(path.join('/usr/bin', program)));
}

const CREDENTIALS = { accessKey: 'hoard-test-access', secretKey: 'hoard-test-secret/with+signs' } as const;
// Alone it starts in about a second; other tests may be using the same two cores.
const READY_WITHIN = 60_000;

/** Starts a cluster of its own. Throws with its log where it does not become ready. */
export async function startCeph(options: CephOptions = {}): Promise<CephServer> {
  // A port that was free a moment ago may be taken when a daemon wants it: then everything is tried again with others.
  for (let attempt = 1; ; attempt += 1) {
    const cluster = new Cluster(mkdtempSync(path.join(os.tmpdir(), 'hoard-ceph-')), options);
    try {
      await cluster.start();
      return cluster;
    } catch (error) {
      const log = cluster.log();
      await cluster[Symbol.asyncDispose]();
      if (attempt === 3) throw new Error(`Ceph did not start:\n${log.slice(-8000)}`, { cause: error });
    }
  }
}

interface Daemon {
  readonly child: ChildProcess;
  readonly watchdog: ChildProcess;
}

class Cluster implements CephServer {
  readonly region = 'us-east-1';
  readonly accessKey = CREDENTIALS.accessKey;
  readonly secretKey = CREDENTIALS.secretKey;
  readonly #folder: string;
  readonly #options: CephOptions;
  readonly #daemons = new Map<string, Daemon>();
  readonly #clients: S3Client[] = [];
  #port = 0;
  #tlsPort = 0;

  constructor(folder: string, options: CephOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get tlsEndpoint(): string {
    return `https://127.0.0.1:${this.#tlsPort}`;
  }

  async start(): Promise<void> {
    const [port, tlsPort, monitor, legacyMonitor] = await freePorts(4);
    this.#port = port;
    this.#tlsPort = tlsPort;
    const fsid = randomUUID();
    for (const name of ['run', 'mon', 'osd', 'rgw', 'log']) mkdirSync(path.join(this.#folder, name), { mode: 0o755 });
    const { tls, settings } = this.#options;
    if (tls) writeFileSync(path.join(this.#folder, 'tls.pem'), `${tls.certificate}\n${tls.key}\n`);
    const addresses = `[v2:127.0.0.1:${monitor},v1:127.0.0.1:${legacyMonitor}]`;
    const frontend = `beast endpoint=127.0.0.1:${port}${
      tls ? ` ssl_endpoint=127.0.0.1:${tlsPort} ssl_certificate=${path.join(this.#folder, 'tls.pem')}` : ''
    }`;
    writeFileSync(
      this.#configuration,
      cephConfiguration({ folder: this.#folder, fsid, addresses, frontend, settings }),
    );
    giveToServer(this.#folder);
    await this.#makeKeys();
    await this.#run('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', addresses, this.#path('monmap')]);
    const keyring = ['--keyring', this.#path('keyring')];
    await this.#run('ceph-mon', ['-i', 'a', '--mkfs', '--monmap', this.#path('monmap'), ...keyring]);
    this.#spawn('ceph-mon', ['-i', 'a']);
    const osd = randomUUID();
    await this.#run('ceph', ['osd', 'new', osd, '0']);
    await this.#run('ceph-osd', ['-i', '0', '--mkfs', '--osd-uuid', osd]);
    this.#spawn('ceph-osd', ['-i', '0']);
    await this.restart();
    await this.admin([
      'user',
      'create',
      '--uid=hoard',
      '--display-name=hoard',
      `--access-key=${this.accessKey}`,
      `--secret=${this.secretKey}`,
    ]);
  }

  get #configuration(): string {
    return this.#path('ceph.conf');
  }

  #path(name: string): string {
    return path.join(this.#folder, name);
  }

  async #makeKeys(): Promise<void> {
    const all = ['--cap', 'osd', 'allow *'];
    const keys: readonly (readonly string[])[] = [
      ['mon.', '--cap', 'mon', 'allow *'],
      ['client.admin', '--cap', 'mon', 'allow *', ...all],
      ['client.rgw', '--cap', 'mon', 'allow rw', '--cap', 'osd', 'allow rwx'],
      ['osd.0', '--cap', 'mon', 'allow profile osd', ...all],
    ];
    for (const [index, [name = '', ...caps]] of keys.entries()) {
      const create = index === 0 ? ['-C'] : [];
      await this.#run('ceph-authtool', [...create, this.#path('keyring'), '-g', '-n', name, ...caps]);
    }
  }

  async #run(program: string, args: readonly string[]): Promise<string> {
    const {
      command,
      args: all,
      ...ids
    } = unprivileged(path.join('/usr/bin', program), ['-c', this.#configuration, ...args]);
    const { stdout } = await promisify(execFile)(command, all, { ...ids, cwd: '/', timeout: READY_WITHIN });
    return stdout;
  }

  #spawn(program: string, args: readonly string[]): ChildProcess {
    const {
      command,
      args: all,
      ...ids
    } = unprivileged(path.join('/usr/bin', program), ['-c', this.#configuration, ...args, '-f']);
    const log = openSync(this.#path(`log/${program}.out`), 'a');
    // A session of its own: Ctrl-C reaches the program that disposes of the servers, not the servers.
    const child = spawn(command, all, { ...ids, stdio: ['ignore', log, log], cwd: '/', detached: true });
    closeSync(log);
    child.on('error', () => undefined);
    child.unref();
    if (child.pid === undefined) throw new Error(`${program} cannot be started`);
    this.#daemons.set(program, { child, watchdog: watch(child.pid, this.#folder) });
    return child;
  }

  async kill(): Promise<void> {
    await this.#end('radosgw');
  }

  async restart(): Promise<void> {
    if (this.#daemons.has('radosgw')) await this.#end('radosgw', 'SIGTERM');
    const gateway = this.#spawn('radosgw', ['-n', 'client.rgw']);
    const end = performance.now() + READY_WITHIN;
    while (!(await answers(this.endpoint))) {
      if (hasEnded(gateway)) throw new Error(`radosgw ended before it answered:\n${this.log().slice(-8000)}`);
      if (performance.now() > end) throw new Error(`radosgw did not answer:\n${this.log().slice(-8000)}`);
      await sleep(20);
    }
  }

  pause(): void {
    this.#daemons.get('ceph-osd')?.child.kill('SIGSTOP');
  }

  resume(): void {
    this.#daemons.get('ceph-osd')?.child.kill('SIGCONT');
  }

  admin(args: readonly string[]): Promise<string> {
    return this.#run('radosgw-admin', ['-n', 'client.rgw', ...args]);
  }

  client(credentials = { accessKeyId: this.accessKey, secretAccessKey: this.secretKey }): S3Client {
    const client = new S3Client({
      endpoint: this.endpoint,
      region: this.region,
      forcePathStyle: true,
      credentials,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
    this.#clients.push(client);
    return client;
  }

  async makeBucket(
    name: string,
    options: { readonly lock?: boolean; readonly versioning?: boolean } = {},
  ): Promise<void> {
    const client = this.client();
    await client.send(
      new CreateBucketCommand({ Bucket: name, ...(options.lock && { ObjectLockEnabledForBucket: true }) }),
    );
    if (options.versioning === true) {
      const VersioningConfiguration = { Status: 'Enabled' } as const;
      await client.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration }));
    }
  }

  log(): string {
    const files = ['ceph-mon', 'ceph-osd', 'radosgw'].map((name) => this.#path(`log/${name}.out`));
    return files.map((file) => (existsSync(file) ? `${file}:\n${readFileSync(file, 'utf8')}` : '')).join('\n');
  }

  async #end(program: string, signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    const daemon = this.#daemons.get(program);
    if (daemon === undefined) return;
    this.#daemons.delete(program);
    if (!hasEnded(daemon.child)) {
      const ended = new Promise((resolve) => daemon.child.once('exit', resolve));
      // What was started unreferenced must now keep this process waiting.
      daemon.child.ref();
      daemon.child.kill(signal);
      await ended;
    }
    daemon.watchdog.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await Promise.all([...this.#daemons.keys()].map((program) => this.#end(program)));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

async function freePorts(count: 4): Promise<readonly [number, number, number, number]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  const [first = 0, second = 0, third = 0, fourth = 0] = ports;
  return [first, second, third, fourth];
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
