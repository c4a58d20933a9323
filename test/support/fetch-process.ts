import { systemClock } from '../../src/telemetry/system-effects.ts';
import { fetchWalFile } from '../../src/wal/fetch.ts';
import { createRecorder } from './recorder.ts';
import { calm, openTestRepository } from './temporary-repository.ts';

// A restore_command over the product's engine, for integration tests. Arguments: repository directory, %f, %p, milliseconds to retry.

const [directory = '', name = '', destination = '', retry = '500'] = process.argv.slice(2);
const result = await fetchWalFile({
  name,
  destination,
  repositories: [await openTestRepository(directory)],
  workingDirectory: process.cwd(),
  effects: { clock: systemClock, reporter: createRecorder(), signal: calm() },
  retryMilliseconds: Number(retry),
});
if (result.kind === 'failed') process.stderr.write(`${result.failure.message}\n`);
process.exitCode = result.exitStatus;
