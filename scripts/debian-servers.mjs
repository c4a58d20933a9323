// The servers that the storage tests run against, from Debian's own packages. On Debian as root it installs what is missing, once, without
// starting any service; elsewhere it says what will not run. That something cannot be had is no error here: the tests that need it are
// reported as not run.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What proves that a package is there, and what is tested with it. */
const PACKAGES = [
  ['radosgw', '/usr/bin/radosgw', 's3'],
  ['ceph-mon', '/usr/bin/ceph-mon', 's3'],
  ['ceph-osd', '/usr/bin/ceph-osd', 's3'],
  ['swift-proxy', '/usr/bin/swift-proxy-server', 'swift'],
  ['swift-account', '/usr/bin/swift-account-server', 'swift'],
  ['swift-container', '/usr/bin/swift-container-server', 'swift'],
  ['swift-object', '/usr/bin/swift-object-server', 'swift'],
  ['memcached', '/usr/bin/memcached', 'swift'],
  ['openssh-server', '/usr/sbin/sshd', 'sftp'],
  ['tinyproxy', '/usr/bin/tinyproxy', 'proxies'],
  ['microsocks', '/usr/bin/microsocks', 'proxies'],
  ['gnupg', '/usr/bin/gpg', 'reading without hoard'],
  ['zstd', '/usr/bin/zstd', 'reading without hoard'],
  ['xz-utils', '/usr/bin/xz', 'reading without hoard'],
  ['libsnappy1v5', '/usr/share/doc/libsnappy1v5/copyright', 'reading without hoard'],
  ['jq', '/usr/bin/jq', 'reading without hoard'],
  ['openssl', '/usr/bin/openssl', 'TLS'],
];

/** What only `npm run test:storage` needs, for the backend named last. */
const LONG_RUN = [
  ['keystone', '/usr/bin/keystone-manage', 'swift'],
  ['python3-keystonemiddleware', '/usr/lib/python3/dist-packages/keystonemiddleware', 'swift'],
  ['rclone', '/usr/bin/rclone', 'sftp'],
];

const POLICY = '/usr/sbin/policy-rc.d';
const SAVED_POLICY = '/usr/sbin/policy-rc.d.before-hoard';

/**
 * Nothing to do: a few milliseconds. Returns the uses whose server is not there in the end. `longRun`: backends of which also the servers
 * of the long run are wanted.
 */
export function ensureDebianServers({ longRun = [] } = {}) {
  const wanted = [...PACKAGES, ...LONG_RUN.filter(([, , use]) => longRun.includes(use))];
  const missing = missingOf(wanted);
  if (missing.length === 0) return [];
  const names = missing.map(([name]) => name);
  if (!existsSync('/etc/debian_version') || !existsSync('/usr/bin/apt-get')) {
    say(`this is not Debian: without ${names.join(', ')} tests of ${uses(missing)} will not run`);
  } else if (process.getuid?.() !== 0) {
    say(`not root: tests of ${uses(missing)} will not run until root does: apt-get install ${names.join(' ')}`);
  } else {
    install(names);
  }
  return [...new Set(missingOf(wanted).map(([, , use]) => use))];
}

function missingOf(packages) {
  return packages.filter(([, file]) => !existsSync(file));
}

const uses = (packages) => [...new Set(packages.map(([, , use]) => use))].join(', ');

function install(names) {
  say(`installing ${names.join(' ')} …`);
  denyDaemons();
  try {
    // The lists of a fresh machine are empty, and those of an old one name packages that the mirror has replaced.
    if (aptInstall(names) || (apt('update', '-qq') && aptInstall(names))) return;
    // One that this release does not have must not keep the others away.
    const refused = names.filter((name) => !aptInstall([name]));
    if (refused.length > 0) say(`NOT INSTALLED: ${refused.join(' ')}; what needs them will not run\n${lastWords}`);
  } finally {
    allowDaemons();
  }
}

const aptInstall = (names) => apt('install', '-y', '-qq', '--no-install-recommends', ...names);

let lastWords = '';

function apt(...args) {
  const result = spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status !== 0) lastWords = `${result.stdout ?? ''}${result.stderr ?? ''}`.slice(-1500);
  return result.status === 0;
}

// Packages start what they install unless this says no. One of the machine's own is put back, also after a run that was killed.
const OURS = '#!/bin/sh\n# Put here by hoard while it installs servers for its tests: none is started.\nexit 101\n';

function denyDaemons() {
  if (existsSync(POLICY) && readFileSync(POLICY, 'utf8') !== OURS) renameSync(POLICY, SAVED_POLICY);
  writeFileSync(POLICY, OURS, { mode: 0o755 });
}

function allowDaemons() {
  rmSync(POLICY, { force: true });
  if (existsSync(SAVED_POLICY)) renameSync(SAVED_POLICY, POLICY);
}

function say(line) {
  process.stderr.write(`test servers: ${line}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = ensureDebianServers().length > 0 ? 1 : 0;
