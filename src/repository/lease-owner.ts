import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';

/** Who holds a lease, in enough detail that a process on the same host can tell whether the holder still runs. */
export interface LeaseOwner {
  readonly host: string;
  readonly pid: number;
  /** The remaining three are empty where the system does not tell them (not Linux); then only expiry ends a lease. */
  readonly processStart: string;
  readonly bootId: string;
  readonly pidNamespace: string;
}

/** The process with this id, as a lease owner. */
export async function observeOwner(pid: number): Promise<LeaseOwner> {
  const [processStart, bootId, pidNamespace] = await Promise.all([
    observeProcessStart(pid),
    orEmpty(readFile('/proc/sys/kernel/random/boot_id', 'utf8')),
    orEmpty(readlink('/proc/self/ns/pid')),
  ]);
  return { host: hostname(), pid, processStart: processStart ?? '', bootId: bootId.trim(), pidNamespace };
}

/** Both run under the same kernel and number processes alike, so that one can look whether the other lives, and their clocks are one. */
export function isSameHost(a: LeaseOwner, b: LeaseOwner): boolean {
  return a.bootId !== '' && a.bootId === b.bootId && a.pidNamespace !== '' && a.pidNamespace === b.pidNamespace;
}

/** True only where it is certain that the owner's process has ended: same host, and its pid is free or used by a later process. */
export async function isOwnerGone(owner: LeaseOwner, self: LeaseOwner): Promise<boolean> {
  if (!isSameHost(owner, self) || owner.processStart === '') return false;
  return (await observeProcessStart(owner.pid)) !== owner.processStart;
}

/** Field 22 of /proc/<pid>/stat (proc(5)): start time in clock ticks after boot. A zombie has ended. undefined: no such process. */
async function observeProcessStart(pid: number): Promise<string | undefined> {
  const stat = await orEmpty(readFile(`/proc/${pid}/stat`, 'utf8'));
  // The second field is the command in parentheses and may itself contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return stat === '' || fields[0] === 'Z' ? undefined : fields[19];
}

async function orEmpty(text: Promise<string>): Promise<string> {
  try {
    return await text;
  } catch {
    return '';
  }
}
