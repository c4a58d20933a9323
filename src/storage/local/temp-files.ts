import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, lstat, open, readdir, readFile, readlink, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '../../domain/error-code.ts';
import { FILE_MODE, type LocalRoot } from './root.ts';

/** What distinguishes living writers from dead ones: in the name of each unfinished file. */
interface Writer {
  /** Hash of host name, boot id and pid namespace: only within the same three does a pid mean anything. */
  readonly host: string;
  readonly pid: number;
  /** Start time of the process in clock ticks since boot, so that a reused pid is noticed. */
  readonly start: string;
}

const NAME = /^([0-9a-f]{16})\.(\d+)\.(\d+)\.\d+\.tmp$/;
const DAY = 86_400_000;

let current: Promise<Writer> | undefined;
let counter = 0;

/** Creates a file of its own for one unfinished write. ENOENT where the hidden folder is missing. */
export async function createTempFile(root: LocalRoot): Promise<{ readonly path: string; readonly handle: FileHandle }> {
  current ??= identify();
  const { host, pid, start } = await current;
  for (;;) {
    counter += 1;
    const path = join(root.hidden, `${host}.${pid}.${start}.${counter}.tmp`);
    try {
      return { path, handle: await open(path, 'wx', FILE_MODE) };
    } catch (error) {
      // Another thread of this process counts for itself.
      if (errorCode(error) !== 'EEXIST') throw error;
    }
  }
}

/**
 * Removes the unfinished writes of dead processes: those of this host and boot whose process has gone, and any that nobody has
 * touched for a day. Best effort: a store that may only be read, or that is not there, is left as it is.
 */
export async function removeLeftovers(root: LocalRoot): Promise<void> {
  try {
    const names = await readdir(root.hidden);
    if (names.length === 0) return;
    current ??= identify();
    const self = await current;
    const now = await fileSystemTime(root);
    for (const name of names) {
      const path = join(root.hidden, name);
      try {
        if (await isLeftover(name, path, self, now)) await unlink(path);
      } catch {
        // Finished by its writer or removed by another opener meanwhile.
      }
    }
  } catch {
    // Whoever opens the store next tries again; what the store is needed for does not depend on it.
  }
}

async function isLeftover(name: string, path: string, self: Writer, now: number): Promise<boolean> {
  const [, host, pid, start] = NAME.exec(name) ?? [];
  if (host === self.host) return Number(pid) !== self.pid && (await startOfLiving(Number(pid))) !== start;
  return now - (await lstat(path)).mtimeMs > DAY;
}

/** The file system's own idea of now: on a network file system the ages of files count by the server's clock. */
async function fileSystemTime(root: LocalRoot): Promise<number> {
  const { path, handle } = await createTempFile(root);
  try {
    return (await handle.stat()).mtimeMs;
  } finally {
    await handle.close();
    await unlink(path);
  }
}

async function identify(): Promise<Writer> {
  try {
    const [boot, namespace, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readlink('/proc/self/ns/pid'),
      readFile('/proc/self/stat', 'utf8'),
    ]);
    const host = createHash('sha256').update(`${hostname()}\n${boot}\n${namespace}`).digest('hex').slice(0, 16);
    return { host, pid: Number.parseInt(stat, 10), start: startField(stat) };
  } catch {
    // No /proc (macOS): an identity that no other process shares, so that only age tells leftovers.
    return { host: randomBytes(8).toString('hex'), pid: 0, start: '0' };
  }
}

/** Start time of a process that lives, undefined where there is none or only what its parent has not collected yet. */
async function startOfLiving(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return /\) [ZX] /.test(stat) ? undefined : startField(stat);
  } catch {
    return undefined;
  }
}

/** Field 22 of proc_pid_stat(5). The second field, the command in parentheses, may contain anything. */
function startField(stat: string): string {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
}
