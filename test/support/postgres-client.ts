import { chmod, mkdir, open, symlink } from 'node:fs/promises';
import path from 'node:path';
import type { DesiredConnection } from '../../src/domain/desired.ts';
import { createSecretResolver } from '../../src/policy/secret-resolver.ts';
import type { BackupEntry } from '../../src/postgres/base-backup.ts';
import type { PostgresContext } from '../../src/postgres/connect.ts';
import type { PostgresServer } from '../../support/embedded-postgres.ts';

/** A declared connection to a server of support/embedded-postgres.ts. */
export function connectionTo(
  server: Pick<PostgresServer, 'port'>,
  change: Partial<Extract<DesiredConnection, { kind: 'parameters' }>> = {},
): DesiredConnection {
  return {
    kind: 'parameters',
    host: '127.0.0.1',
    port: server.port,
    user: 'postgres',
    database: undefined,
    password: undefined,
    sslmode: undefined,
    sslrootcert: undefined,
    slot: undefined,
    ...change,
  };
}

export function postgresContext(
  environment: Readonly<Record<string, string>> = {},
  signal: AbortSignal = new AbortController().signal,
): PostgresContext {
  return { secrets: createSecretResolver(environment), effects: { environment, signal } };
}

/** Writes the entries of a base backup as they come; tablespaces go into the folders that `places` names by OID. */
export async function writeEntries(
  entries: AsyncIterable<BackupEntry>,
  directory: string,
  places: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o700);
  for (const [oid, place] of places) {
    await mkdir(path.join(directory, 'pg_tblspc'), { recursive: true });
    await mkdir(place, { recursive: true });
    await symlink(place, path.join(directory, 'pg_tblspc', oid));
  }
  for await (const entry of entries) {
    const target = path.join(directory, entry.path);
    if (entry.kind === 'symlink') await symlink(entry.target, target);
    else if (entry.kind === 'directory') await mkdir(target, { recursive: true, mode: entry.mode });
    else {
      await using file = await open(target, 'w', entry.mode);
      for await (const bytes of entry.data) await file.write(bytes);
    }
  }
}
