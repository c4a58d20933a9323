import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, watch } from '../server-process.ts';
import { newSshKey } from './ssh-key.ts';

const PROGRAM = '/usr/bin/rclone';

/** Debian's rclone. */
export const isRcloneInstalled = (): boolean => existsSync(PROGRAM);

/** `rclone serve sftp` over a real directory; the password of `tester` is `secret`. It has none of OpenSSH's extensions for files. */
export interface RcloneSftp extends AsyncDisposable {
  readonly port: number;
  readonly folder: string;
}

export async function startRcloneSftp(): Promise<RcloneSftp> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-rclone-'));
  const file = (name: string): string => path.join(folder, name);
  const key = newSshKey();
  writeFileSync(file('host'), key.private, { mode: 0o600 });
  writeFileSync(file('host.pub'), key.public);
  mkdirSync(file('stores'));
  const port = await freePort();
  const args = ['serve', 'sftp', file('stores'), '--addr', `127.0.0.1:${port}`, '--user', 'tester', '--pass', 'secret'];
  // Writes in any order need a file to go into, and this is the one mode that has one for every kind of opening.
  const cache = [
    '--vfs-cache-mode',
    'full',
    '--cache-dir',
    file('cache'),
    '--vfs-write-back',
    '0s',
    '--dir-cache-time',
    '0s',
  ];
  const child = spawn(PROGRAM, [...args, ...cache, '--key', file('host'), '--config', '/dev/null'], {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  child.on('error', () => undefined);
  const watchdog = watch(child.pid ?? 0, folder);
  await ready(child, port);
  return {
    port,
    folder: file('stores'),
    async [Symbol.asyncDispose](): Promise<void> {
      if (!hasEnded(child)) {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await ended;
      }
      watchdog.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

async function ready(child: ChildProcess, port: number): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await answers(port))) {
    if (hasEnded(child)) throw new Error('rclone ended at its start');
    if (performance.now() > end) throw new Error('rclone did not answer within 60 seconds');
    await sleep(50);
  }
}

function answers(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1');
  socket.once('data', () => resolve(true)).once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
