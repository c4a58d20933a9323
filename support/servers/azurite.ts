import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { freePort, watch } from '../server-process.ts';

const PROGRAM = path.join(import.meta.dirname, '../azurite/node_modules/azurite/dist/src/blob/main.js');

/** False where `npm ci` has not been run in support/azurite. */
export function hasAzurite(): boolean {
  return existsSync(PROGRAM);
}

/** Azurite, Microsoft's emulator of Azure Blob Storage, child of this process. It has neither immutability nor versions nor throttling. */
export interface AzuriteServer extends AsyncDisposable {
  /** What a policy's `endpoint` says: `http://127.0.0.1:PORT/devstoreaccount1`. */
  readonly endpoint: string;
  readonly port: number;
  readonly account: string;
  /** Public knowledge: every emulator has this one. */
  readonly accountKey: string;
  /** For what the product never does: containers, SAS, foreign objects. */
  readonly service: BlobServiceClient;
  makeContainer(name: string): Promise<void>;
  /** Ends it, and with it all connections. By SIGTERM: it writes its index every few seconds, and would forget what it has acknowledged. */
  kill(): Promise<void>;
  /** Starts it again after kill, on the same port, with what it had stored. */
  restart(): Promise<void>;
  /** SIGSTOP and SIGCONT: connections stay open and nothing moves. */
  pause(): void;
  resume(): void;
}

const ACCOUNT = 'devstoreaccount1';
// https://learn.microsoft.com/azure/storage/common/storage-connect-azurite: the well-known key.
const ACCOUNT_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

// Told to end, azurite would wait for all connections before it writes its index; as a server that dies, it breaks them instead.
const BREAK_CONNECTIONS = `data:text/javascript,${encodeURIComponent(`
  import { Server } from 'node:http';
  const { close } = Server.prototype;
  Server.prototype.close = function (...args) {
    close.apply(this, args);
    this.closeAllConnections();
    return this;
  };
`)}`;

/** Starts it on a free loopback port, with its data in a temporary folder that goes with it. */
export async function startAzurite(): Promise<AzuriteServer> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-azurite-'));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}/${ACCOUNT}`;
  const service = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(ACCOUNT, ACCOUNT_KEY));
  let server = await start(folder, port);
  return {
    endpoint,
    port,
    account: ACCOUNT,
    accountKey: ACCOUNT_KEY,
    service,
    makeContainer: async (name) => {
      await service.createContainer(name);
    },
    kill: () => end(server),
    restart: async () => {
      server = await start(folder, port);
    },
    pause: () => void server.kill('SIGSTOP'),
    resume: () => void server.kill('SIGCONT'),
    async [Symbol.asyncDispose](): Promise<void> {
      await end(server);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function start(folder: string, port: number): Promise<ChildProcess> {
  const options = ['--blobHost', '127.0.0.1', '--blobPort', String(port), '--location', folder];
  // The SDK speaks a newer version than azurite knows; telemetry would dial out.
  options.push('--skipApiVersionCheck', '--disableTelemetry', '--silent');
  const server = spawn(process.execPath, ['--import', BREAK_CONNECTIONS, PROGRAM, ...options], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-10_000);
  });
  await once(server, 'spawn');
  const watchdog = watch(server.pid ?? 0, folder);
  server.once('exit', () => watchdog.kill('SIGKILL'));
  const deadline = Date.now() + 60_000;
  while (!(await answers(port))) {
    if (server.exitCode !== null || server.signalCode !== null) throw new Error(`azurite ended: ${said}`);
    if (Date.now() > deadline) {
      await end(server);
      throw new Error(`azurite did not answer within a minute: ${said}`);
    }
    await sleep(20);
  }
  return server;
}

async function answers(port: number): Promise<boolean> {
  try {
    // Refused without credentials, which is an answer.
    await (await fetch(`http://127.0.0.1:${port}/${ACCOUNT}?comp=list`)).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  server.kill('SIGCONT');
  server.kill('SIGTERM');
  const late = setTimeout(() => server.kill('SIGKILL'), 20_000);
  await ended;
  clearTimeout(late);
}
