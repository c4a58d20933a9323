// Brings what this checkout needs and is missing: Node 24 where the machine's Node is older, the packages of the lock file, and the
// PostgreSQL servers for the demo and the tests. Plain JavaScript for Node 18 and newer: it runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const MINIMUM_NODE = 24;

/** The Node that the project runs on: this one, or the one that support/node brings. */
function nodePath() {
  if (Number.parseInt(process.versions.node, 10) >= MINIMUM_NODE) return process.execPath;
  return join(root, 'support/node/node_modules/.bin/node');
}

/** The environment of every child: the project's Node and tools come first. */
export function environment() {
  const path = [join(root, 'node_modules/.bin'), dirname(nodePath()), process.env.PATH ?? ''].join(delimiter);
  return { ...process.env, PATH: path };
}

function readJson(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

/** True where node_modules holds what the lock file names; of what is optional only the builds for this platform count. */
function isInstalled(directory) {
  const wanted = readJson(join(directory, 'package-lock.json'))?.packages ?? {};
  const there = readJson(join(directory, 'node_modules/.package-lock.json'))?.packages;
  if (!there) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || (entry.optional && !isForThisPlatform(entry))) return true;
    return there[path]?.version === entry.version && existsSync(join(directory, path));
  });
}

function isForThisPlatform(entry) {
  const names = (list, value) => list?.includes(value) ?? false;
  // A C library other than glibc is told apart by what Node was linked with; such packages may or may not be there.
  return names(entry.os, process.platform) && names(entry.cpu, process.arch) && !entry.libc;
}

function install(directory, what) {
  if (isInstalled(directory)) return;
  process.stderr.write(`installing ${what} …\n`);
  // npm itself is run by the project's Node once that is there, so that engine checks see the right version.
  const npm = process.env.npm_execpath;
  const node = existsSync(nodePath()) ? nodePath() : process.execPath;
  const [command, prefix] = npm?.endsWith('.js') ? [node, [npm]] : ['npm', []];
  const result = spawnSync(command, [...prefix, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: directory,
    stdio: ['ignore', 2, 2],
    env: environment(),
  });
  if (result.status !== 0) {
    process.stderr.write(`error: installing ${what} failed\nhint: run "npm ci" in ${directory} and read its output\n`);
    process.exit(1);
  }
}

/**
 * Installs what is missing; does nothing, in a few milliseconds, where all is there. `servers`: also PostgreSQL for the demo and the tests;
 * `storageServers`: also what the tests of the storage backends need from npm.
 */
export function ensureInstalled({ servers = true, storageServers = false } = {}) {
  if (nodePath() !== process.execPath) install(join(root, 'support/node'), 'Node 24');
  if (!existsSync(nodePath())) {
    process.stderr.write(
      `error: hoard needs Node ${MINIMUM_NODE}, this is ${process.versions.node}, and npm has none for ${process.platform} ${process.arch}\n` +
        `hint: install Node ${MINIMUM_NODE} or newer from https://nodejs.org and try again\n`,
    );
    process.exit(1);
  }
  install(root, 'packages');
  if (servers) install(join(root, 'support/postgres'), 'PostgreSQL servers for the demo and the tests');
  if (storageServers) install(join(root, 'support/azurite'), 'the Azure emulator for the tests');
}

/**
 * Runs a program in the project's environment with the terminal handed through; resolves to its exit status
 * (128 + n where signal n ended it). Ctrl-C reaches the child by itself; a SIGTERM is passed on.
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', env: environment(), ...options });
    const forward = () => child.kill('SIGTERM');
    const ignore = () => undefined;
    process.on('SIGTERM', forward);
    process.on('SIGINT', ignore);
    child.on('error', reject);
    child.on('close', (status, signal) => {
      process.off('SIGTERM', forward);
      process.off('SIGINT', ignore);
      resolve(status ?? 128 + constants.signals[signal]);
    });
  });
}
