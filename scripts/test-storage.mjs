// npm run test:storage -- BACKEND: the conformance suite, all faults and the long run of one backend (or all), against its real servers.
// Ends non-zero where something failed, and where the server was not there: a test that was not run proves nothing.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDebianServers } from './debian-servers.mjs';
import { ensureInstalled, environment, root, run } from './ensure.mjs';

const BACKENDS = ['local', 's3', 'gcs', 'azure', 'swift', 'sftp'];
const wanted = process.argv.slice(2);
const backends = wanted.includes('all') ? BACKENDS : wanted;
if (backends.length === 0 || backends.some((name) => !BACKENDS.includes(name))) {
  process.stderr.write(`usage: npm run test:storage -- all | ${BACKENDS.join(' | ')}\n`);
  process.exit(64);
}

ensureInstalled({ storageServers: true });
ensureDebianServers({ longRun: backends });

const results = join(tmpdir(), `hoard-test-storage-${process.pid}.json`);
// `s3.test.ts`, `s3-driver.test.ts` and so on, of both folders.
const files = ['test/conformance', 'test/long-run'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.test.ts') && backends.some((name) => new RegExp(`^${name}[.-]`).test(file)))
    .map((file) => `${folder}/${file}`),
);
const status = await run(
  'vitest',
  ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${results}`, ...files],
  { env: { ...environment(), HOARD_TEST_FAULTS: 'all' } },
);
const report = JSON.parse(readFileSync(results, 'utf8'));
rmSync(results, { force: true });
const skipped = report.testResults
  .flatMap((file) => file.assertionResults)
  .filter((test) => test.status === 'pending' || test.status === 'skipped');
for (const test of skipped) process.stdout.write(`not run: ${test.fullName}\n`);
const absent = skipped.some((test) => /not installed|is not there/.test(test.fullName));
process.exitCode = status !== 0 ? status : absent || report.numPassedTests === 0 ? 1 : 0;
