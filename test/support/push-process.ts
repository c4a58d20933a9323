import { walFailureStatus } from '../../src/cli/wal-status.ts';
import { isFailure } from '../../src/domain/failure.ts';
import { systemClock } from '../../src/telemetry/system-effects.ts';
import { pushWalFile } from '../../src/wal/push.ts';
import { createRecorder } from './recorder.ts';
import { calm, openTestRepository } from './temporary-repository.ts';

// An archive_command over the product's engine, for integration tests and to be killed by push.test.ts. Arguments: repository directory, %p.

const [directory = '', path = ''] = process.argv.slice(2);
const repo = await openTestRepository(directory);
process.stdout.write('started\n');
try {
  await pushWalFile({
    path,
    repositories: [repo],
    require: 'all',
    effects: { clock: systemClock, reporter: createRecorder(), signal: calm() },
  });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = walFailureStatus(isFailure(error) ? error.exitStatus : 1, { verb: 'push', standby: false });
}
