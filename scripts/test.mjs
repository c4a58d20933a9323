// npm test: everything that must hold before a change lands. Each step is also a command of its own, printed as it runs.
// `npm test -- quick` leaves out the integration tests.
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDebianServers } from './debian-servers.mjs';
import { ensureInstalled, run } from './ensure.mjs';

ensureInstalled({ storageServers: true });
ensureDebianServers();

const results = join(tmpdir(), `hoard-test-${process.pid}.json`);
const quick = process.argv.includes('quick');
/** @type {readonly (readonly [name: string, command: string, args: readonly string[]])[]} */
const steps = [
  ['format', 'biome', ['ci', '--colors=off', '--error-on-warnings', '.']],
  ['types', 'tsc', ['-p', '.']],
  ['lint', 'oxlint', ['--type-aware', '--deny-warnings', '.']],
  ['layers', 'depcruise', ['--config', '.dependency-cruiser.mjs', 'src']],
  ['unused code', 'knip', ['--no-progress']],
  ['generated types', 'node', ['scripts/generate-types.ts', '--check']],
  ['generated pages', 'node', ['scripts/generate-docs.ts', '--check']],
  ['build', 'tsc', ['-p', 'tsconfig.build.json']],
  [
    'tests',
    'vitest',
    [
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${results}`,
      ...(quick ? ['test/unit', 'test/conformance'] : []),
    ],
  ],
];

/** @type {string[]} */
const failed = [];
for (const [name, command, args] of steps) {
  process.stdout.write(
    `\n== ${name}: ${command} ${args.filter((a) => !a.includes(results) && !a.startsWith('--reporter')).join(' ')}\n`,
  );
  const started = Date.now();
  const status = await run(command, args);
  process.stdout.write(
    `== ${name}: ${status === 0 ? 'ok' : `FAILED (exit ${status})`} in ${Math.round((Date.now() - started) / 1000)} s\n`,
  );
  if (status !== 0) failed.push(name);
  if (status >= 128) break;
}

const counts = readCounts();
process.stdout.write(
  `\nsteps: ${steps.length - failed.length} ok${failed.length > 0 ? `, failed: ${failed.join(', ')}` : ''}\n`,
);
for (const name of counts.notRun) process.stdout.write(`not run: ${name}\n`);
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
process.exitCode = failed.length > 0 || counts.passed === 0 ? 1 : 0;

function readCounts() {
  try {
    const report = JSON.parse(readFileSync(results, 'utf8'));
    rmSync(results, { force: true });
    const notRun = report.testResults
      .flatMap((file) => file.assertionResults)
      .filter((test) => test.status === 'pending' || test.status === 'skipped')
      .map((test) => test.fullName);
    return { passed: report.numPassedTests, failed: report.numFailedTests, skipped: report.numPendingTests, notRun };
  } catch {
    // The run ended before it wrote its report; the step's status has said so.
    return { passed: 0, failed: 0, skipped: 0, notRun: [] };
  }
}
