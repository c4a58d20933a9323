import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** PostgreSQL programs of one major version on this machine. */
export interface PostgresInstallation {
  /** For test titles: `embedded 16`, `system 15`. */
  readonly name: string;
  readonly major: number;
  readonly binDirectory: string;
}

const PACKAGES = path.join(import.meta.dirname, 'postgres', 'node_modules');
const DEBIAN = '/usr/lib/postgresql';

/** Every server that can be started here, oldest major first: the embedded ones of support/postgres and Debian's. */
export function availableServers(): readonly PostgresInstallation[] {
  const embedded = subfolders(PACKAGES).flatMap((name) => {
    const match = /^pg(\d+)-(\w+)-(\w+)$/.exec(name);
    if (!match || match[2] !== process.platform || match[3] !== process.arch) return [];
    return [
      {
        name: `embedded ${match[1]}`,
        major: Number(match[1]),
        binDirectory: path.join(PACKAGES, name, 'native', 'bin'),
      },
    ];
  });
  const system = subfolders(DEBIAN).flatMap((name) =>
    /^\d+$/.test(name)
      ? [{ name: `system ${name}`, major: Number(name), binDirectory: path.join(DEBIAN, name, 'bin') }]
      : [],
  );
  return [...embedded, ...system]
    .filter((server) => server.major >= 13 && existsSync(path.join(server.binDirectory, 'postgres')))
    .sort((a, b) => a.major - b.major || a.name.localeCompare(b.name));
}

/** By major version (an embedded server is preferred) or by bin directory. Throws with what is available where it is absent. */
export function findInstallation(wanted: number | string): PostgresInstallation {
  if (typeof wanted === 'string') return { name: wanted, major: majorOf(wanted), binDirectory: wanted };
  const servers = availableServers();
  const found = servers.find((server) => server.major === wanted);
  if (found) return found;
  throw new Error(
    `no PostgreSQL ${wanted} for ${process.platform}-${process.arch} in ${PACKAGES} or ${DEBIAN}; ` +
      `available: ${servers.map((server) => server.name).join(', ') || 'none'} (install with: npm ci --prefix support/postgres)`,
  );
}

/** A PostgreSQL program that only full installations have (pg_controldata, pg_basebackup, …), or undefined. */
export function findProgram(program: string, major?: number): string | undefined {
  return availableServers()
    .filter((server) => major === undefined || server.major === major)
    .map((server) => path.join(server.binDirectory, program))
    .findLast((file) => existsSync(file));
}

/**
 * The embedded packages keep their shared libraries under full version names and make the links in a postinstall script, which an
 * installation with --ignore-scripts skips. Runs that script where the links are missing. Idempotent.
 */
export function ensureLibraryLinks(): void {
  for (const name of subfolders(PACKAGES)) {
    const folder = path.join(PACKAGES, name);
    const script = path.join(folder, 'scripts', 'hydrate-symlinks.js');
    if (!existsSync(script) || existsSync(path.join(folder, 'native', 'lib', 'libicui18n.so.60'))) continue;
    execFileSync(process.execPath, [script], { cwd: folder, stdio: 'pipe' });
  }
}

function majorOf(binDirectory: string): number {
  const postgres = path.join(binDirectory, 'postgres');
  const match = /\(PostgreSQL\) (\d+)/.exec(execFileSync(postgres, ['--version'], { encoding: 'utf8' }));
  if (!match) throw new Error(`${postgres} --version names no version`);
  return Number(match[1]);
}

function subfolders(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}
