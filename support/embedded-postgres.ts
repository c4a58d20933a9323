import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type QueryResultRow } from 'pg';
import { ensureLibraryLinks, findInstallation, type PostgresInstallation } from './postgres-installations.ts';
import { childrenOf, freePort, isAlive, watch } from './server-process.ts';
import { giveToServer, unprivileged } from './unprivileged.ts';

export {
  availableServers,
  findProgram,
} from './postgres-installations.ts';
export { giveToServer } from './unprivileged.ts';

export type Settings = Readonly<Record<string, string | number | boolean>>;

export interface PostgresOptions {
  /** A major version, a bin directory, or one of availableServers(). */
  readonly server: number | string | PostgresInstallation;
  /**
   * An existing data directory (a restored one, say) is started as it is, with `settings` on the command line. Absent: a new cluster is made
   * in a temporary folder that goes with the server, and `settings` go into its postgresql.conf, so that ALTER SYSTEM can change them.
   */
  readonly dataDirectory?: string;
  readonly settings?: Settings;
  /** More arguments of initdb, for example `['--wal-segsize=1', '--data-checksums']`. */
  readonly initdb?: readonly string[];
  /** Milliseconds until the server must accept connections, including recovery up to consistency. Default 30,000. */
  readonly readyWithin?: number;
}

/** A real server, child of this process: it ends when this process ends, however that happens. */
export interface PostgresServer extends AsyncDisposable {
  readonly major: number;
  readonly binDirectory: string;
  readonly dataDirectory: string;
  readonly port: number;
  readonly socketDirectory: string;
  readonly pid: number;
  /** `postgres://postgres@127.0.0.1:PORT/DATABASE`; no password is needed. */
  connectionUri(database?: string): string;
  /** Runs one statement on a connection of its own; rows as `pg` gives them. */
  query<Row extends QueryResultRow = Record<string, unknown>>(
    sql: string,
    values?: readonly unknown[],
    database?: string,
  ): Promise<Row[]>;
  /** Everything that the server has written to its log. */
  log(): string;
  /** Starts it again after stop or kill, on the same port. */
  start(): Promise<void>;
  stop(mode?: 'smart' | 'fast' | 'immediate'): Promise<void>;
  /** SIGKILL to the postmaster; its children notice and end. Resolves when no process of the server is left. */
  kill(): Promise<void>;
  /** Until pg_is_in_recovery() is false. Throws with the log where the server ends or the time passes (default 30,000 ms). */
  waitUntilRecovered(milliseconds?: number): Promise<void>;
  /** Lets the server outlive this process: nothing stops it or removes its log and socket any more. */
  release(): void;
  /** Until the server has ended by itself (recovery target action `shutdown`, a failed recovery). */
  waitForExit(milliseconds?: number): Promise<void>;
}

const SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

// Small and quick; a crash of the machine is no part of any test, so nothing needs fsync.
const DEFAULTS: Settings = {
  fsync: 'off',
  shared_buffers: '32MB',
  max_connections: 30,
  max_wal_senders: 8,
  wal_level: 'replica',
};

/** Makes a cluster (or takes an existing one) and starts it. Throws with the log where the server does not become ready. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const installation = typeof options.server === 'object' ? options.server : findInstallation(options.server);
  ensureLibraryLinks();
  // The path of a socket is limited to 107 bytes, so the folder lies directly in the temporary one.
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-pg-'));
  const dataDirectory = options.dataDirectory ?? path.join(folder, 'data');
  const server = new Server(installation, folder, dataDirectory, options);
  try {
    if (options.dataDirectory === undefined) await initdb(installation, dataDirectory, options);
    else giveToServer(dataDirectory);
    await server.start();
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

async function initdb(
  installation: PostgresInstallation,
  dataDirectory: string,
  options: PostgresOptions,
): Promise<void> {
  mkdirSync(dataDirectory, { mode: 0o700 });
  giveToServer(dataDirectory);
  const args = [
    '-D',
    dataDirectory,
    '-U',
    'postgres',
    '--auth=trust',
    '--locale=C',
    '--encoding=UTF8',
    '--no-sync',
    ...(options.initdb ?? []),
  ];
  const { command, args: all, ...ids } = unprivileged(path.join(installation.binDirectory, 'initdb'), args);
  const result = spawnSync(command, all, { ...ids, encoding: 'utf8' });
  if (result.status !== 0)
    throw new Error(`initdb failed: ${result.error?.message ?? ''}${result.stdout}${result.stderr}`);
  const lines = Object.entries({ ...DEFAULTS, ...options.settings }).map(
    ([name, value]) => `${name} = ${quote(value)}\n`,
  );
  await appendFile(path.join(dataDirectory, 'postgresql.conf'), `\n${lines.join('')}`);
}

const quote = (value: string | number | boolean): string => `'${String(value).replaceAll("'", "''")}'`;

class Server implements PostgresServer {
  readonly major: number;
  readonly binDirectory: string;
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly #folder: string;
  readonly #options: PostgresOptions;
  #port = 0;
  #child: ChildProcess | undefined;
  #watchdog: ChildProcess | undefined;

  constructor(installation: PostgresInstallation, folder: string, dataDirectory: string, options: PostgresOptions) {
    this.major = installation.major;
    this.binDirectory = installation.binDirectory;
    this.dataDirectory = dataDirectory;
    this.#folder = folder;
    this.socketDirectory = path.join(folder, 's');
    this.#options = options;
    mkdirSync(this.socketDirectory, { mode: 0o755 });
    giveToServer(this.socketDirectory);
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get #running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  connectionUri(database = 'postgres'): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/${database}`;
  }

  async query<Row extends QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
    database = 'postgres',
  ): Promise<Row[]> {
    const client = new Client({ connectionString: this.connectionUri(database) });
    // A server that dies while the client is idle must not become an uncaught error; the query itself rejects.
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(sql, values.length > 0 ? [...values] : undefined)).rows;
    } finally {
      await client.end();
    }
  }

  log(): string {
    const file = path.join(this.#folder, 'log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  async start(): Promise<void> {
    if (this.#running) throw new Error('the server is running already');
    // Another process may take the free port before the server does: then another one is tried.
    for (let attempt = 1; ; attempt += 1) {
      if (this.#port === 0) this.#port = await freePort();
      const logged = this.log().length;
      this.#spawn();
      try {
        await this.#ready(this.#options.readyWithin ?? 30_000);
        return;
      } catch (error) {
        await this.stop('immediate');
        if (attempt === 5 || !/Address already in use/.test(this.log().slice(logged))) throw error;
        this.#port = 0;
      }
    }
  }

  #spawn(): void {
    const fixed: Settings = {
      port: this.#port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.socketDirectory,
      logging_collector: 'off',
      log_destination: 'stderr',
      lc_messages: 'C',
    };
    const settings =
      this.#options.dataDirectory === undefined ? fixed : { fsync: 'off', ...this.#options.settings, ...fixed };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${String(value)}`]);
    const { command, args, ...ids } = unprivileged(path.join(this.binDirectory, 'postgres'), [
      '-D',
      this.dataDirectory,
      ...flags,
    ]);
    const log = openSync(path.join(this.#folder, 'log'), 'a');
    // A session of its own: Ctrl-C reaches the program that disposes of the server, not the server.
    this.#child = spawn(command, args, { ...ids, stdio: ['ignore', log, log], cwd: '/', detached: true });
    closeSync(log);
    this.#child.on('error', () => undefined);
    this.#child.unref();
    this.#watchdog = this.#child.pid === undefined ? undefined : watch(this.#child.pid, this.#folder);
  }

  async #ready(milliseconds: number): Promise<void> {
    const file = path.join(this.dataDirectory, 'postmaster.pid');
    await this.#until('become ready', milliseconds, () => {
      // Line 1 is the postmaster's process id, line 8 its status (src/include/utils/pidfile.h).
      const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
      return Number(lines[0]) === this.pid && lines[7]?.trim() === 'ready';
    });
  }

  async waitUntilRecovered(milliseconds = 30_000): Promise<void> {
    await this.#until('end its recovery', milliseconds, async () => {
      const [row] = await this.query<{ recovering: boolean }>('select pg_is_in_recovery() as recovering').catch(
        () => [],
      );
      return row?.recovering === false;
    });
  }

  async #until(what: string, milliseconds: number, done: () => boolean | Promise<boolean>): Promise<void> {
    const end = performance.now() + milliseconds;
    while (!(await done())) {
      if (!this.#running)
        throw new Error(`PostgreSQL ${this.major} ended before it could ${what}:\n${this.log().slice(-8000)}`);
      if (performance.now() > end) {
        throw new Error(
          `PostgreSQL ${this.major} did not ${what} within ${milliseconds} ms:\n${this.log().slice(-8000)}`,
        );
      }
      await sleep(15);
    }
  }

  release(): void {
    this.#watchdog?.kill('SIGKILL');
    this.#watchdog = undefined;
  }

  async stop(mode: 'smart' | 'fast' | 'immediate' = 'fast'): Promise<void> {
    if (this.#running) this.#child?.kill(SIGNALS[mode]);
    await this.waitForExit(mode === 'smart' ? 60_000 : 30_000);
  }

  async kill(): Promise<void> {
    const children = childrenOf(this.pid);
    if (this.#running) this.#child?.kill('SIGKILL');
    await this.waitForExit();
    while (children.some(isAlive)) await sleep(10);
  }

  async waitForExit(milliseconds = 30_000): Promise<void> {
    const end = performance.now() + milliseconds;
    while (this.#running) {
      if (performance.now() > end)
        throw new Error(`PostgreSQL ${this.major} did not end within ${milliseconds} ms:\n${this.log().slice(-8000)}`);
      await sleep(5);
    }
    this.#watchdog?.kill('SIGKILL');
    this.#watchdog = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop('immediate');
    } finally {
      if (this.#running) await this.kill();
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}
