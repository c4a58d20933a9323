import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** A shell that waits for the end of its standard input, that is of this process, and then ends the server and removes its folder. */
export function watch(pid: number, folder: string): ChildProcess {
  const script = 'read -r line; kill -QUIT "$1"; sleep 2; kill -KILL "$1"; rm -rf "$2"';
  const watchdog = spawn('sh', ['-c', script, 'sh', String(pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  });
  watchdog.on('error', () => undefined);
  watchdog.unref();
  const input = watchdog.stdin;
  input?.on('error', () => undefined);
  if (input && 'unref' in input && typeof input.unref === 'function') input.unref();
  return watchdog;
}

export function childrenOf(pid: number): readonly number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ').filter(Boolean).map(Number) : [];
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const probe = createServer().once('error', reject);
  probe.listen(0, '127.0.0.1', () => {
    const address = probe.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    probe.close(() => resolve(port));
  });
  return promise;
}
