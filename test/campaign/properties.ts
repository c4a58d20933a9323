import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Tally } from './tally.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CONFIG = path.join(import.meta.dirname, 'vitest.config.ts');
const CASES = process.env['HOARD_CASES'] ?? '100000';
const SLOW_CASES = process.env['HOARD_SLOW_CASES'] ?? '5000';

/** The generated tests with very many cases. */
const run = (tally: Tally, files: readonly string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(path.join(ROOT, 'node_modules/.bin/vitest'), ['run', `--config=${CONFIG}`, ...files], {
      cwd: ROOT,
      env: { ...process.env, HOARD_CASES: CASES, HOARD_SLOW_CASES: SLOW_CASES },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    child.stderr.on('data', (text: Buffer) => (output += text.toString()));
    child.on('error', reject);
    child.on('close', (status) => {
      tally.count('cases a property', Number(CASES));
      tally.count('tests', Number(/Tests\s.*?(\d+) passed/.exec(output)?.[1] ?? 0));
      tally.check(status === 0, files.join(' '), `vitest ended ${status}`, () => output.slice(-6000));
      resolve();
    });
  });

export const planProperties = (tally: Tally): Promise<void> => run(tally, ['test/unit/domain/diff.properties.test.ts']);

export const otherProperties = (tally: Tally): Promise<void> =>
  run(tally, [
    'test/unit/domain/schedule.test.ts',
    'test/unit/domain/cron.test.ts',
    'test/unit/domain/lsn.test.ts',
    'test/unit/domain/instant.test.ts',
    'test/unit/domain/duration.test.ts',
    'test/unit/repository/layout.test.ts',
  ]);

/** A case of these reads and writes files or compresses megabytes: they say themselves how many there are. */
export const slowProperties = (tally: Tally): Promise<void> =>
  run(tally, [
    'test/unit/codec/codec.test.ts',
    'test/unit/repository/round-trip.test.ts',
    'test/unit/repository/manifest.test.ts',
  ]);
