import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { giveToServer } from '../../support/unprivileged.ts';
import { type PolicyFolder, policyFolder, runHoard } from '../support/hoard-cli.ts';

// With everything that could be cut or encoded on the way: quotes, a slash, an at sign, a per cent sign, an umlaut.
const CANARY = `kanarien"vogel'42/@%ü`;
const FORMS = [
  CANARY,
  encodeURIComponent(CANARY),
  encodeURI(CANARY),
  JSON.stringify(CANARY).slice(1, -1),
  Buffer.from(CANARY).toString('base64'),
  Buffer.from(CANARY).toString('base64url'),
  Buffer.from(CANARY).toString('hex'),
  // A part of it would be bad enough.
  'kanarien',
];

const POLICY = `
apiVersion: hoard/v1
kind: Repository
metadata: { name: local }
spec:
  storage: { type: local, directory: ./hoard-repository }
---
apiVersion: hoard/v1
kind: Policy
metadata: { name: daily }
spec:
  backup: { schedule: { cron: "0 2 * * *" } }
  wal: { method: none }
  retention: { keep: { last: 1 }, prune: auto, budget: { percent: 100 } }
---
apiVersion: hoard/v1
kind: Site
metadata: { name: main }
spec:
  policy: daily
  repositories: [local]
  connections:
`;

let place: PolicyFolder;
let server: PostgresServer;

beforeAll(async () => {
  place = policyFolder(POLICY);
  // The canary is refused by a wrong user and taken by trust otherwise: both roads are gone.
  server = await startPostgres({ server: 18 });
  writeFileSync(path.join(place.folder, 'password'), `${CANARY}\n`);
  writeFileSync(path.join(place.folder, 'cat-password.sh'), `#!/bin/sh\ncat "$(dirname "$0")/password"\n`, {
    mode: 0o755,
  });
  giveToServer(place.folder);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

const uri = (port: number, user: string): string =>
  `postgres://${user}:${encodeURIComponent(CANARY)}@127.0.0.1:${port}/postgres`;
const parameters = (port: number, password: string): string =>
  `    - { host: 127.0.0.1, port: ${port}, user: postgres, database: postgres, sslmode: disable, password: ${password} }\n`;

interface Source {
  readonly name: string;
  readonly connections: () => string;
  readonly environment?: () => Readonly<Record<string, string>>;
  readonly commands: readonly (readonly string[])[];
  /** The connection works, so the secret was really used. */
  readonly connects: boolean;
}

const FROM_ENVIRONMENT = '    - uri: { fromEnv: URI }\n';

/** Where the secret comes from, and what it is for. */
const sources = (): readonly Source[] => [
  {
    name: 'an environment variable',
    connections: () => FROM_ENVIRONMENT,
    environment: () => ({ URI: uri(server.port, 'postgres') }),
    commands: [...OFFLINE, ...CONNECTING, ...STORED],
    connects: true,
  },
  {
    name: 'a file',
    connections: () => parameters(server.port, '{ fromFile: password }'),
    commands: [...CONNECTING, ...STORED],
    connects: true,
  },
  {
    name: 'a command',
    connections: () => parameters(server.port, '{ fromExec: [./cat-password.sh] }'),
    commands: CONNECTING,
    connects: true,
  },
  {
    name: 'an environment variable, for a server that is gone',
    connections: () => FROM_ENVIRONMENT,
    environment: () => ({ URI: uri(1, 'postgres') }),
    commands: CONNECTING,
    connects: false,
  },
  {
    name: 'a file, for a server that is gone',
    connections: () => parameters(1, '{ fromFile: password }'),
    commands: CONNECTING,
    connects: false,
  },
  {
    name: 'an environment variable, for a user that is unknown',
    connections: () => FROM_ENVIRONMENT,
    environment: () => ({ URI: uri(server.port, 'nobody') }),
    commands: CONNECTING,
    connects: false,
  },
  {
    name: 'an environment variable that is no URI',
    connections: () => FROM_ENVIRONMENT,
    environment: () => ({ URI: CANARY }),
    commands: CONNECTING,
    connects: false,
  },
];

/** These read no secret; one source is enough for them. */
const OFFLINE: readonly (readonly string[])[] = [
  ['validate'],
  ['validate', '--output', 'json'],
  ['validate', '--output', 'sarif'],
  ['validate', '--output', 'junit'],
  ['validate', '--output', 'github'],
  ['schema'],
];

/** These connect, and fail in the sources that lead nowhere. */
const CONNECTING: readonly (readonly string[])[] = [
  ['plan', '--out', 'plan.json'],
  ['plan', '--output', 'json'],
  ['plan', '--output', 'markdown'],
  ['apply', '--yes'],
  ['apply', 'plan.json', '--output', 'json'],
  ['status'],
  ['status', '--output', 'json'],
  ['backup', 'take'],
  ['backup', 'take', '--output', 'json'],
];

/** These read what a backup has left. */
const STORED: readonly (readonly string[])[] = [
  ['backup', 'list'],
  ['backup', 'list', '--output', 'json'],
  ['backup', 'show', '20'],
  ['wal', 'list'],
  ['wal', 'list', '--output', 'json'],
  ['wal', 'push', 'pg_wal/000000010000000000000001'],
  ['wal', 'fetch', '000000010000000000000001', 'RECOVERYXLOG'],
  ['restore', '--to', 'restored', '--output', 'json'],
  ['restore', '--to', 'restored'],
];

describe.each(sources())('a secret from $name', ({ connections, environment, commands, connects }) => {
  it('shows up in no output, plan, restored setting or stored object of any command', async () => {
    const folder = path.join(place.folder, `run-${Math.random().toString(36).slice(2)}`);
    mkdirSync(folder);
    for (const name of ['password', 'cat-password.sh']) {
      writeFileSync(path.join(folder, name), readFileSync(path.join(place.folder, name)), { mode: 0o755 });
    }
    const policies = path.join(folder, 'policies.yaml');
    writeFileSync(policies, POLICY + connections());
    // A standby asks again by itself, so wal fetch gives up soon.
    writeFileSync(path.join(folder, 'standby.signal'), '');
    giveToServer(folder);
    const statuses = new Map<string, number>();
    for (const command of commands) {
      const debug = statuses.size % 2 === 0 ? { HOARD_DEBUG: '1' } : {};
      const result = await runHoard(['-f', policies, ...command], {
        cwd: folder,
        environment: { ...environment?.(), ...debug },
      });
      statuses.set(command.join(' '), result.status);
      expectClean(`hoard ${command[0]} ${command[1] ?? ''}: stdout`, result.stdout);
      expectClean(`hoard ${command[0]} ${command[1] ?? ''}: stderr`, result.stderr);
    }
    expect(statuses.get('apply --yes') === 0).toBe(connects);
    for (const file of filesBelow(folder)) {
      if (!/\/(password|cat-password\.sh)$/.test(file)) expectClean(file, readFileSync(file, 'latin1'));
    }
  });
});

describe('an encrypted repository', () => {
  const ENCRYPTION = `  encryption:
    recipients: [{ fromFile: prod.pub.asc }]
    privateKey: { fromFile: prod.key.asc }
    passphrase: { fromFile: password }
    signing: { privateKey: { fromFile: prod.key.asc }, passphrase: { fromEnv: PASSPHRASE } }
    trustedSigners: [{ fromFile: prod.pub.asc }]
`;
  const COMMANDS: readonly (readonly string[])[] = [
    ['keys', 'create', 'prod', '--passphrase-file', 'password'],
    ['keys', 'create', 'prod', '--passphrase-env', 'PASSPHRASE'],
    ['keys', 'create', 'json', '--passphrase-env', 'PASSPHRASE', '--output', 'json'],
    ['keys', 'create', 'bare', '--no-passphrase'],
    ['backup', 'take'],
    ['check', '--output', 'json'],
    ['keys', 'list'],
    ['keys', 'list', '--output', 'json'],
    ['status', '--output', 'json'],
    ['restore', '--to', 'restored', '--output', 'json'],
  ];

  it('gives away neither private key nor passphrase, not even where keys are made or wrong', async () => {
    const folder = path.join(place.folder, 'encrypted');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'password'), `${CANARY}\n`);
    writeFileSync(path.join(folder, 'other'), 'a wrong passphrase\n');
    const policies = path.join(folder, 'policies.yaml');
    const declare = (encryption: string): void =>
      writeFileSync(policies, POLICY.replace('---', `${encryption}---`) + FROM_ENVIRONMENT);
    declare(ENCRYPTION);
    giveToServer(folder);
    const environment = { URI: uri(server.port, 'postgres'), PASSPHRASE: CANARY, HOARD_DEBUG: '1' };
    const outputs = new Map<string, string>();
    const run = async (command: readonly string[]): Promise<number> => {
      const { status, stdout, stderr } = await runHoard(['-f', policies, ...command], { cwd: folder, environment });
      outputs.set(`${outputs.size}: hoard ${command.join(' ')}`, stdout + stderr);
      return status;
    };
    const statuses: number[] = [];
    for (const command of COMMANDS) statuses.push(await run(command));
    // The second key is refused: it would replace the first.
    expect(statuses).toEqual([0, 64, 0, 0, 0, 0, 0, 0, 0, 0]);
    declare(ENCRYPTION.replace('fromFile: password', 'fromFile: other'));
    expect([await run(['keys', 'list']), await run(['check']), await run(['restore', '--to', 'again'])]).toEqual([
      0, 12, 12,
    ]);

    const secrets = ['prod', 'json', 'bare'].flatMap((name) => secretLines(path.join(folder, `${name}.key.asc`)));
    expect(secrets.length).toBeGreaterThan(20);
    for (const [command, text] of outputs) {
      expectClean(command, text);
      for (const line of secrets) expect(text.includes(line), `${command} shows a private key`).toBe(false);
    }
    for (const file of filesBelow(folder)) {
      if (/\/(password|(prod|json|bare)\.key\.asc)$/.test(file)) continue;
      const text = readFileSync(file, 'latin1');
      expectClean(file, text);
      for (const line of secrets) expect(text.includes(line), `${file} holds a private key`).toBe(false);
    }
  }, 180_000);
});

/** The lines of a private key that its public key does not have as well. */
function secretLines(file: string): readonly string[] {
  const open = new Set(readFileSync(file.replace('.key.', '.pub.'), 'utf8').split('\n'));
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.length > 20 && !line.startsWith('-----') && !open.has(line));
}

/** The canary as it would stand in UTF-8 text, and in bytes read as Latin-1. */
function expectClean(where: string, text: string): void {
  for (const form of FORMS) {
    const found = text.includes(form) || text.includes(Buffer.from(form).toString('latin1'));
    expect(found, `${where} contains the secret: ${text.slice(0, 2000)}`).toBe(false);
  }
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file).isFile());
}
