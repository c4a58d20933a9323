// Brings the real servers that the storage tests talk to, from Debian's packages, once. Needs Debian and root; elsewhere it says what
// will not run, and the tests say so again in their closing lines. Nothing is started: the tests start their own, on free ports.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/** For what, the program whose presence is asked for, and the packages that bring it. */
const SERVERS = [
  ['S3 (Ceph RADOS Gateway)', '/usr/bin/radosgw', ['radosgw', 'ceph-mon', 'ceph-osd']],
  [
    'Swift',
    '/usr/bin/swift-proxy-server',
    ['swift-proxy', 'swift-account', 'swift-container', 'swift-object', 'memcached'],
  ],
  ['SFTP', '/usr/sbin/sshd', ['openssh-server']],
  ['HTTP proxies', '/usr/bin/tinyproxy', ['tinyproxy']],
  ['SOCKS proxies', '/usr/bin/microsocks', ['microsocks']],
];
// Installing a daemon's package starts it, unless this program says no (Debian's invoke-rc.d, policy-rc.d).
const POLICY = '/usr/sbin/policy-rc.d';
const LOCK_SECONDS = 300;

/** Installs what is missing. Returns false where something still is; the reason has been printed. */
export function ensureDebianServers() {
  const missing = SERVERS.filter(([, program]) => !existsSync(program));
  if (missing.length === 0) return true;
  const names = missing.map(([what]) => what).join(', ');
  const why = whyNot();
  if (why !== undefined) {
    process.stderr.write(`not installed: servers for the tests of ${names}: ${why}\n`);
    return false;
  }
  process.stderr.write(`installing servers for the tests of ${names} …\n`);
  const packages = missing.flatMap(([, , list]) => list);
  const done = withoutStarting(() => install(packages) || (apt(['update']) && install(packages)));
  if (!done) {
    process.stderr.write(
      `error: apt-get could not install ${packages.join(' ')}; the tests of ${names} will not run\n`,
    );
  }
  return done;
}

function whyNot() {
  if (!existsSync('/etc/debian_version') || !existsSync('/usr/bin/apt-get')) return 'this is not Debian';
  if (process.getuid?.() !== 0) return `that needs root: apt-get install ${SERVERS.flatMap(([, , p]) => p).join(' ')}`;
  return undefined;
}

const install = (packages) => apt(['install', '--yes', '--no-install-recommends', ...packages]);

function apt(args) {
  const result = spawnSync('apt-get', ['-q', '-o', `DPkg::Lock::Timeout=${LOCK_SECONDS}`, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  // The first try fails where no package lists are there yet: only what a person needs to see is shown.
  if (result.status !== 0) process.stderr.write(`${(result.stderr ?? '').split('\n').slice(0, 5).join('\n')}\n`);
  return result.status === 0;
}

function withoutStarting(work) {
  const before = existsSync(POLICY) ? readFileSync(POLICY) : undefined;
  if (before === undefined) {
    writeFileSync(POLICY, '#!/bin/sh\nexit 101\n');
    chmodSync(POLICY, 0o755);
  }
  try {
    return work();
  } finally {
    if (before === undefined) rmSync(POLICY, { force: true });
  }
}
