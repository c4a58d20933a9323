import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../support/embedded-postgres.ts';
import { type CliResult, LAUNCHER, type PolicyFolder, policyFolder, runHoard } from '../support/hoard-cli.ts';

const QUICKSTART = readFileSync(
  path.resolve(import.meta.dirname, '../../examples/quickstart/policies/hoard.yaml'),
  'utf8',
);

let place: PolicyFolder;
let server: PostgresServer;

beforeAll(async () => {
  place = policyFolder(QUICKSTART);
  // It archives nothing, so a backup waits for its WAL until somebody stops it.
  server = await startPostgres({ server: 18, settings: { archive_mode: 'on', archive_command: 'false' } });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

interface Running {
  readonly child: Promise<ChildProcess>;
  readonly result: Promise<CliResult>;
}

const hoard = (...args: readonly string[]): Running => {
  const { promise: child, resolve } = Promise.withResolvers<ChildProcess>();
  const result = runHoard(['-f', place.policies, ...args], {
    cwd: place.folder,
    environment: { HOARD_MAIN_URI: server.connectionUri() },
    onStart: resolve,
  });
  return { child, result };
};

/** A backup that has come to its waiting. */
async function waitingBackup(...args: readonly string[]): Promise<Running> {
  const running = hoard(...args);
  const child = await running.child;
  let text = '';
  await new Promise<void>((resolve) => {
    child.stderr?.on('data', (piece: string) => {
      text += piece;
      if (text.includes('waiting until PostgreSQL has archived')) resolve();
    });
  });
  return running;
}

describe('hoard apply', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'ends with the status of %s, gives its lease back and leaves nothing that counts',
    async (signal, status) => {
      const running = await waitingBackup('apply');
      (await running.child).kill(signal);
      const result = await running.result;
      expect(result.status).toBe(status);
      expect(result.stderr).toContain(`stopped by ${signal}`);
      expect(JSON.parse((await hoard('backup', 'list', '--output', 'json').result).stdout)).toMatchObject({
        backups: [],
      });
      // The lease is free: the next one gets to its waiting at once.
      const next = await waitingBackup('apply', '--wait', '1s');
      (await next.child).kill('SIGKILL');
      expect((await next.result).status).toBe(137);
    },
  );

  it('waits for another that works, as long as it is told, and then ends with 11 and says who it is', async () => {
    const running = await waitingBackup('apply');
    const second = await hoard('apply', '--wait', '1s').result;
    expect(second.status).toBe(11);
    expect(second.stdout).toMatch(/another hoard works on site "main".* process \d+ on /);
    (await running.child).kill('SIGKILL');
    await running.result;
  });
});

describe('the launcher', () => {
  const oldNode = '/usr/bin/node';
  const isOld = existsSync(oldNode);

  it.runIf(isOld)('runs hoard by the Node that the project brings, with status and signals handed on', async () => {
    const run = (args: readonly string[], onStart?: (child: ChildProcess) => void): Promise<number | null> =>
      new Promise((resolve) => {
        const child = spawn(oldNode, [LAUNCHER, '-f', place.policies, ...args], {
          stdio: ['ignore', 'ignore', 'pipe'],
          env: { ...process.env, HOARD_MAIN_URI: server.connectionUri() },
        });
        child.on('close', (code) => resolve(code));
        if (onStart)
          child.stderr
            .setEncoding('utf8')
            .on('data', (text: string) => text.includes('waiting until') && onStart(child));
      });
    expect(await run(['validate'])).toBe(0);
    expect(await run(['plan', '--detailed-exitcode'])).toBe(2);
    expect(await run(['nonsense'])).toBe(64);
    let sent = false;
    const status = await run(['apply'], (child) => {
      if (!sent) child.kill('SIGTERM');
      sent = true;
    });
    expect(status).toBe(143);
  });

  it('without its packages says what to run, with a status that PostgreSQL understands', async () => {
    const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'hoard-bare-')));
    const launcher = path.join(folder, 'bin', 'hoard.mjs');
    await import('node:fs/promises').then(async ({ mkdir }) => {
      await mkdir(path.dirname(launcher));
      await mkdir(path.join(folder, 'src'));
    });
    writeFileSync(launcher, readFileSync(LAUNCHER));
    for (const entry of ['main', 'wal'])
      writeFileSync(path.join(folder, 'src', `${entry}.ts`), "import 'commander';\n");
    const run = (...args: readonly string[]): Promise<CliResult> =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, [launcher, ...args], {
          cwd: folder,
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        let stderr = '';
        child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
        child.on('close', (code) => resolve({ status: code ?? -1, stdout: '', stderr }));
      });
    expect(await run('plan')).toMatchObject({ status: 1, stderr: expect.stringContaining('npm ci') });
    expect((await run('wal', 'push', 'x')).status).toBe(1);
    expect((await run('-f', 'x', 'wal', 'fetch', 'x', 'y')).status).toBe(255);
    writeFileSync(path.join(folder, 'standby.signal'), '');
    expect((await run('wal', 'fetch', 'x', 'y')).status).toBe(1);
    rmSync(path.join(folder, 'standby.signal'));
    // So it is with anything else that ends the program before it has begun.
    writeFileSync(path.join(folder, 'src', 'wal.ts'), "throw new Error('a broken installation');\n");
    expect(await run('wal', 'fetch', 'x', 'y')).toMatchObject({
      status: 255,
      stderr: expect.stringContaining('cannot start: Error: a broken installation'),
    });
    rmSync(folder, { recursive: true });
  });
});
