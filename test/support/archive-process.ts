// An archive_command for tests: `node archive-process.ts REPOSITORY-DIRECTORY %p`. Stores the file as `hoard wal push` does, without policies.
import { createSystemEffects } from '../../src/telemetry/system-effects.ts';
import { pushWalFile } from '../../src/wal/push.ts';
import { createRecorder } from './recorder.ts';
import { openTestRepository } from './temporary-repository.ts';

const [directory = '', path = ''] = process.argv.slice(2);
const effects = createSystemEffects({
  environment: process.env,
  reporter: createRecorder(),
  signal: new AbortController().signal,
});
await pushWalFile({ path, repositories: [await openTestRepository(directory)], require: 'all', effects });
