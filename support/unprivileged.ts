import { spawnSync } from 'node:child_process';
import { chmodSync, lchownSync, lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** How to start a program that refuses to run as root. */
export interface UnprivilegedCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

// nobody and nogroup on Debian; any unprivileged ids do.
const NOBODY = 65_534;

type Way = 'direct' | 'namespace' | 'nobody';
let known: Way | undefined;

/**
 * As an ordinary user programs are started directly. As root, preferably in a user namespace that shows the caller under another id:
 * files stay owned by the caller and folders with mode 700 stay reachable. Where namespaces are not permitted: as `nobody`.
 */
function way(): Way {
  known ??= process.getuid?.() === 0 ? (namespaceWorks() ? 'namespace' : 'nobody') : 'direct';
  return known;
}

const NAMESPACE = ['-U', '--map-user=1000', '--map-group=1000'];

function namespaceWorks(): boolean {
  return spawnSync('unshare', [...NAMESPACE, 'true'], { stdio: 'ignore' }).status === 0;
}

export function unprivileged(command: string, args: readonly string[]): UnprivilegedCommand {
  const chosen = way();
  if (chosen === 'namespace') return { command: 'unshare', args: [...NAMESPACE, command, ...args] };
  return chosen === 'nobody' ? { command, args, uid: NOBODY, gid: NOBODY } : { command, args };
}

/**
 * Makes a file or a whole folder usable by the servers that this process starts: changes the owner where they run as another user
 * (and lets that user pass through the parent folder), does nothing otherwise.
 */
export function giveToServer(target: string): void {
  if (way() !== 'nobody') return;
  const parent = path.dirname(target);
  chmodSync(parent, (lstatSync(parent).mode & 0o7777) | 0o011);
  changeOwner(target);
}

function changeOwner(target: string): void {
  lchownSync(target, NOBODY, NOBODY);
  if (!lstatSync(target).isDirectory()) return;
  for (const name of readdirSync(target)) changeOwner(path.join(target, name));
}
