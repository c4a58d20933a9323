import { join } from 'node:path';
import { MARKER_NAME, UNFINISHED_MARKER_NAME } from './restore-marker.ts';
import type { PlacedTablespace } from './tablespaces.ts';

export const CONTROL_FILE = 'global/pg_control';
/** Where pg_control waits until everything else is durable: without it PostgreSQL does not start. */
export const WAITING_CONTROL_FILE = `${CONTROL_FILE}.hoard-restore`;

/** Written by the restore itself, whatever the backup had under these names. */
const OWN_FILES: ReadonlySet<string> = new Set([
  MARKER_NAME,
  UNFINISHED_MARKER_NAME,
  WAITING_CONTROL_FILE,
  'tablespace_map',
  // A backup of a standby has its signal file; the restore decides what the copy is.
  'standby.signal',
  'recovery.signal',
  'postmaster.pid',
  'postmaster.opts',
]);

/**
 * Where an entry of a manifest goes: an absolute path, or undefined for what the restore makes by itself. Paths come from a manifest, which
 * is not trusted: its reader refuses those that could leave their directory; here they are only ever joined to a directory that we chose.
 */
export function placeOf(
  path: string,
  dataDirectory: string,
  tablespaces: readonly PlacedTablespace[],
): string | undefined {
  if (OWN_FILES.has(path)) return undefined;
  if (path === CONTROL_FILE) return join(dataDirectory, WAITING_CONTROL_FILE);
  const [folder, oid, ...rest] = path.split('/');
  const tablespace = folder === 'pg_tblspc' ? tablespaces.find((candidate) => candidate.oid === oid) : undefined;
  if (!tablespace) return join(dataDirectory, path);
  return rest.length === 0 ? undefined : join(tablespace.directory, ...rest);
}
