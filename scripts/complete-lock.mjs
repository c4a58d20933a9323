// Run after `npm install` has changed package-lock.json: node scripts/complete-lock.mjs
// A registry mirror may hold only the packages of its own platform. npm then leaves the builds for other platforms out of the lock
// file, and `npm ci` refuses such a file everywhere. Their versions are pinned by the package that names them and their
// platform is in their name, so the entries can be written without the registry.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './ensure.mjs';

const path = join(root, 'package-lock.json');
const lock = JSON.parse(readFileSync(path, 'utf8'));
const packages = lock.packages;

const SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'wasi',
  'win32',
];
const PROCESSORS = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];

let added = 0;
for (const [parent, entry] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (packages[`node_modules/${name}`] || packages[`${parent}/node_modules/${name}`]) continue;
    const words = name.split(/[-/]/);
    const os = SYSTEMS.find((s) => words.includes(s));
    const cpu = PROCESSORS.find((p) => words.includes(p));
    if (!/^\d+\.\d+\.\d+/.test(version) || !(os || cpu)) {
      process.stderr.write(`left out: ${name}@${version} (not pinned, or no platform in its name)\n`);
      continue;
    }
    packages[`node_modules/${name}`] = {
      version,
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      ...(cpu ? { cpu: [cpu] } : {}),
      ...(os && os !== 'wasi' ? { os: [os] } : {}),
      ...(words.includes('musl') ? { libc: ['musl'] } : {}),
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
process.stderr.write(`${added} entries added\n`);
