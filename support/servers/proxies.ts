import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, watch } from '../server-process.ts';
import { unprivileged } from '../unprivileged.ts';

const TINYPROXY = '/usr/bin/tinyproxy';
const MICROSOCKS = '/usr/bin/microsocks';

export const proxiesInstalled = (): boolean => existsSync(TINYPROXY) && existsSync(MICROSOCKS);

/** A proxy on a free loopback port that wants a user and a password, child of this process. */
export interface ProxyServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

export interface ProxyLogin {
  readonly user: string;
  readonly password: string;
}

/** HTTP: CONNECT to any port, and plain requests. */
export function startTinyproxy({ user, password }: ProxyLogin): Promise<ProxyServer> {
  return start((folder, port) => {
    const file = path.join(folder, 'tinyproxy.conf');
    const lines = [
      `Port ${port}`,
      'Listen 127.0.0.1',
      'Timeout 600',
      'MaxClients 100',
      `BasicAuth ${user} ${password}`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    chmodSync(file, 0o644);
    return [TINYPROXY, '-d', '-c', file];
  });
}

/** SOCKS5. */
export function startMicrosocks({ user, password }: ProxyLogin): Promise<ProxyServer> {
  return start((_, port) => [MICROSOCKS, '-i', '127.0.0.1', '-p', String(port), '-u', user, '-P', password]);
}

async function start(commandOf: (folder: string, port: number) => readonly string[]): Promise<ProxyServer> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-proxy-'));
  chmodSync(folder, 0o755);
  const port = await freePort();
  const [program = '', ...args] = commandOf(folder, port);
  const { command, args: all, ...ids } = unprivileged(program, args);
  const server = spawn(command, all, { ...ids, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-5000);
  });
  await once(server, 'spawn');
  const watchdog = watch(server.pid ?? 0, folder);
  server.once('exit', () => watchdog.kill('SIGKILL'));
  const deadline = Date.now() + 30_000;
  while (!(await listens(port))) {
    if (hasEnded(server) || Date.now() > deadline) {
      await end(server);
      throw new Error(`${program} does not listen: ${said}`);
    }
    await sleep(20);
  }
  return {
    host: '127.0.0.1',
    port,
    async [Symbol.asyncDispose](): Promise<void> {
      await end(server);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const hasEnded = (server: ChildProcess): boolean => server.exitCode !== null || server.signalCode !== null;

async function end(server: ChildProcess): Promise<void> {
  if (hasEnded(server)) return;
  const ended = once(server, 'exit');
  server.kill('SIGKILL');
  await ended;
}

function listens(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: '127.0.0.1', port });
  socket.once('connect', () => {
    resolve(true);
    socket.destroy();
  });
  socket.once('error', () => resolve(false));
  return promise;
}
