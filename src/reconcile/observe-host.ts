import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../domain/error-code.ts';
import type { Instant } from '../domain/instant.ts';
import type { Observation, ObservedHost } from '../domain/observed.ts';
import { recogniseWalFile } from '../domain/wal-file.ts';

const READY = '.ready';

/**
 * The WAL files that the server's archiver still has to hand over. Undefined where the data directory is not on this host, or not
 * a data directory; unknown where it is but cannot be read.
 */
export async function observeHost(dataDirectory: string, now: Instant): Promise<Observation<ObservedHost> | undefined> {
  const directory = join(dataDirectory, 'pg_wal', 'archive_status');
  try {
    const names = await readdir(directory);
    const ready = names.filter((name) => name.endsWith(READY)).map((name) => name.slice(0, -READY.length));
    return { kind: 'known', value: { ready: ready.filter(recogniseWalFile).toSorted() }, at: now };
  } catch (error) {
    const code = errorCode(error) ?? 'unknown error';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    return { kind: 'unknown', reason: `${directory} cannot be read (${code})`, at: now };
  }
}
