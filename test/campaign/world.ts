import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { giveToServer, type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { unprivileged } from '../../support/unprivileged.ts';
import { GnuPg } from '../support/gnupg.ts';
import {
  type CliOptions,
  type CliResult,
  LAUNCHER,
  type PolicyFolder,
  policyFolder,
  runHoard,
} from '../support/hoard-cli.ts';
import { filesBelow } from './judge.ts';

export const SIGKILLED = 137;
const MAJOR = 16;

const QUICKSTART = readFileSync(
  path.resolve(import.meta.dirname, '../../examples/quickstart/policies/hoard.yaml'),
  'utf8',
);
/** One backup is kept, and nothing beside it: every backup makes something to remove. */
const SETTLED = QUICKSTART.replace('window: 7d', 'prune: auto').replace('keep: { last: 2 }', 'keep: { last: 1 }');
/** The same with a backup that is due each slot. A slot is longer than what lies between a plan and its execution. */
const SLOT_SECONDS = 15;
const DUE = SETTLED.replace('schedule: { cron: "0 2 * * *" }', `schedule: { every: ${SLOT_SECONDS}s }`);
/** Two backups are kept. */
const PAIR = QUICKSTART.replace('window: 7d', 'prune: auto');
/** A backup is always due, and nothing is ever removed. */
const GROWING = QUICKSTART.replace('schedule: { cron: "0 2 * * *" }', `schedule: { every: ${SLOT_SECONDS}s }`);
/** Nothing is due, and nothing that is a week old is removed. */
const KEEPING = QUICKSTART;

const POLICIES = { settled: SETTLED, due: DUE, pair: PAIR, growing: GROWING, keeping: KEEPING } as const;

interface StatusShape {
  readonly sites: readonly [
    {
      readonly repositories: readonly [
        {
          readonly state: string;
          readonly backups: number | null;
          readonly recoveryWindow: readonly {
            readonly timeline: number;
            readonly fromLsn: string;
            readonly toLsn: string;
          }[];
          readonly gaps: readonly unknown[];
        },
      ];
    },
  ];
}

interface ListedShape {
  readonly backups: readonly { readonly id: string; readonly restorable: boolean }[];
}

/** A cluster that archives, policies, and a repository; everything in a folder that goes with it. */
export class World implements AsyncDisposable {
  readonly place: PolicyFolder;
  readonly server: PostgresServer;
  readonly repository: string;
  #ring: GnuPg | undefined;

  private constructor(place: PolicyFolder, server: PostgresServer) {
    this.place = place;
    this.server = server;
    this.repository = place.repository;
  }

  /** `archive` is the archive_command; default `hoard wal push`. */
  static async make(archive?: (place: PolicyFolder) => string, repository?: string): Promise<World> {
    const place = policyFolder(SETTLED);
    const command = archive?.(place) ?? `${process.execPath} ${LAUNCHER} -f ${place.policies} wal push %p`;
    const server = await startPostgres({
      server: MAJOR,
      initdb: ['--wal-segsize=1'],
      settings: {
        archive_mode: 'on',
        archive_command: command,
        autovacuum: 'off',
        // WAL comes only when the campaign makes some.
        checkpoint_timeout: '1h',
        max_wal_size: '64MB',
        min_wal_size: '4MB',
        bgwriter_lru_maxpages: 0,
      },
    });
    const world = new World(repository === undefined ? place : { ...place, repository }, server);
    try {
      await world.#fill();
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Two of three databases go: they are most of the files, and say nothing. */
  async #fill(): Promise<void> {
    await this.server.query("update pg_database set datistemplate = false where datname like 'template%'");
    for (const name of ['template0', 'template1'])
      await this.server.query(`update pg_database set datallowconn = true where datname = '${name}'`);
    for (const name of ['template0', 'template1']) await this.server.query(`drop database ${name}`);
    await this.server.query('create table t as select g as id, md5(g::text) as text from generate_series(1, 5000) g');
  }

  hoard(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    onStart?: CliOptions['onStart'],
  ): Promise<CliResult> {
    return runHoard(['-f', this.place.policies, ...args], {
      cwd: this.place.folder,
      environment: { HOARD_MAIN_URI: this.server.connectionUri(), ...environment },
      ...(onStart === undefined ? {} : { onStart }),
    });
  }

  apply(environment?: Readonly<Record<string, string>>, onStart?: CliOptions['onStart']): Promise<CliResult> {
    return this.hoard(['apply', '--yes'], environment, onStart);
  }

  /** Resolves at the beginning of a slot, when another backup is due for its whole length. */
  async slot(): Promise<void> {
    await sleep(SLOT_SECONDS * 1000 - (Date.now() % (SLOT_SECONDS * 1000)) + 100);
  }

  policies(which: keyof typeof POLICIES): void {
    this.place.write(POLICIES[which]);
  }

  /** From now on what is stored is encrypted and signed; the judge opens it by GnuPG. */
  async encrypt(): Promise<void> {
    const { status, stderr } = await this.hoard(['keys', 'create', 'campaign', '--no-passphrase']);
    if (status !== 0) throw new Error(`hoard keys create ended ${status}: ${stderr}`);
    const ring = new GnuPg();
    this.#ring = ring;
    ring.succeed(['--import'], readFileSync(path.join(this.place.folder, 'campaign.key.asc')));
    giveToServer(this.place.folder);
    const encryption = `encryption:
    recipients: [{ fromFile: campaign.pub.asc }]
    privateKey: { fromFile: campaign.key.asc }
    signing: { privateKey: { fromFile: campaign.key.asc } }
    trustedSigners: [{ fromFile: campaign.pub.asc }]`;
    this.place.write(SETTLED.replace(/^ {2}storage: .*$/m, (storage) => `${storage}\n  ${encryption}`));
  }

  /** What GnuPG makes of a message; undefined where it refuses it. */
  readonly decrypt = (message: Uint8Array): Uint8Array | undefined => {
    const opened = this.#ring?.run(['--decrypt'], message);
    return opened?.status === 0 ? opened.stdout : undefined;
  };

  /** Rows change, so that a backup has new chunks to store. */
  async change(): Promise<void> {
    await this.server.query('update t set text = md5(random()::text) where id < 500');
  }

  async status(): Promise<StatusShape['sites'][0]['repositories'][0]> {
    const result = await this.hoard(['status', '--output', 'json']);
    const { sites } = parsed(result, 'status') as StatusShape;
    return sites[0].repositories[0];
  }

  async listed(): Promise<ListedShape['backups']> {
    const result = await this.hoard(['backup', 'list', '--output', 'json']);
    return (parsed(result, 'backup list') as ListedShape).backups;
  }

  /** What is in the table, in one word. */
  async contents(server: PostgresServer = this.server): Promise<string> {
    const [row] = await server.query<{ digest: string }>(
      "select md5(string_agg(id || text, ',' order by id)) as digest from t",
    );
    return row?.digest ?? '';
  }

  /** A restored directory as a server that does not archive. */
  async started(dataDirectory: string): Promise<PostgresServer> {
    giveToServer(dataDirectory);
    const server = await startPostgres({
      server: MAJOR,
      dataDirectory,
      readyWithin: 60_000,
      settings: { archive_mode: 'off' },
    });
    await server.waitUntilRecovered(60_000);
    return server;
  }

  /** True where PostgreSQL refuses the directory before it touches anything. */
  refusesToStart(dataDirectory: string): boolean {
    const program = path.join(this.server.binDirectory, 'postgres');
    const { command, args, ...ids } = unprivileged(program, [
      '-D',
      dataDirectory,
      '-c',
      'listen_addresses=',
      '-c',
      'unix_socket_directories=',
    ]);
    return (
      (spawnSync(command, args, { ...ids, stdio: 'ignore', timeout: 2000, killSignal: 'SIGKILL', cwd: '/' }).status ??
        0) !== 0
    );
  }

  /** A copy whose files are links: hoard never writes into a file that has its name. */
  snapshot(to: string, from = this.repository): void {
    rmSync(to, { recursive: true, force: true });
    execFileSync('cp', ['-al', from, to]);
  }

  /** Every file of the repository with what would change if anybody touched it. */
  print(): readonly string[] {
    return filesBelow(this.repository).map((file) => {
      const { ino, size, mtimeMs } = lstatSync(path.join(this.repository, file));
      return `${file} ${ino} ${size} ${mtimeMs}`;
    });
  }

  /** A shell script that PostgreSQL may run. */
  script(name: string, text: string): string {
    const file = path.join(this.place.folder, name);
    writeFileSync(file, text);
    chmodSync(file, 0o755);
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    this.#ring?.[Symbol.dispose]();
    this.place[Symbol.dispose]();
  }
}

function parsed(result: CliResult, what: string): unknown {
  if (result.stdout.trimStart().startsWith('{')) return JSON.parse(result.stdout);
  throw new Error(`hoard ${what} ended ${result.status}: ${result.stderr}${result.stdout}`);
}
