import { durationOf } from '../../src/domain/duration.ts';
import { isFailure } from '../../src/domain/failure.ts';
import { commitBackup } from '../../src/repository/commit-backup.ts';
import { acquireLease } from '../../src/repository/lease.ts';
import { observeOwner } from '../../src/repository/lease-owner.ts';
import { createRecorder } from './recorder.ts';
import { storeSmallBackup } from './small-backup.ts';
import { calm, openTestRepository } from './temporary-repository.ts';

// A process that takes the lease of a repository and holds it; run by lease.test.ts. Lines on stdout say what happened.
// Arguments: directory, time to live in milliseconds, milliseconds to wait, and `commit` to store a backup and commit it on SIGUSR2.

const [directory = '', ttl = '1000', wait = '0', mode = 'hold'] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const codeOf = (error: unknown): string => (isFailure(error) ? error.code : String(error));

const repo = await openTestRepository(directory);
try {
  const marker =
    mode === 'commit' ? await storeSmallBackup(repo, { files: new Map([['a', Buffer.from('a')]]) }) : undefined;
  const lease = await acquireLease(repo, {
    owner: await observeOwner(process.pid),
    ttl: durationOf(Number(ttl)),
    waitFor: durationOf(Number(wait)),
    signal: calm(),
    reporter: createRecorder(),
  });
  lease.signal.addEventListener('abort', () => say(`aborted ${codeOf(lease.signal.reason)}`));
  process.on('SIGUSR2', () => {
    if (!marker) return;
    commitBackup(repo, marker, lease).then(
      () => say('committed'),
      (error: unknown) => say(`not committed ${codeOf(error)}`),
    );
  });
  process.on('SIGTERM', () => {
    void lease[Symbol.asyncDispose]().then(() => process.exit(0));
  });
  say(`held ${lease.generation}`);
  // Stays until it is told to go.
  setInterval(() => undefined, 60_000);
} catch (error) {
  say(`refused ${codeOf(error)}`);
}
