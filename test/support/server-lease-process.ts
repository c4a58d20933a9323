import { durationOf } from '../../src/domain/duration.ts';
import { isFailure } from '../../src/domain/failure.ts';
import { takeAdvisoryLock } from '../../src/postgres/advisory-lock.ts';
import { acquireLease } from '../../src/repository/lease.ts';
import { observeOwner } from '../../src/repository/lease-owner.ts';
import { createRecorder } from './recorder.ts';
import { calm, openTestRepository } from './temporary-repository.ts';
import { connectionTo, withoutConditionalCreate } from './without-conditional-create.ts';

// A process that takes the lease of a repository as a lock on a server, and holds it; run by server-lease.test.ts.
// Arguments: directory, port of the server.

const [directory = '', port = ''] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const { connection, context } = connectionTo(Number(port));
try {
  const repo = withoutConditionalCreate(await openTestRepository(directory));
  await acquireLease(repo, {
    owner: await observeOwner(process.pid),
    waitFor: durationOf(0),
    signal: calm(),
    reporter: createRecorder(),
    takeServerLock: (key, signal) => takeAdvisoryLock([connection], key, context(signal)),
  });
  say('held');
  // Stays until it is told to go.
  setInterval(() => undefined, 60_000);
} catch (error) {
  say(`refused ${isFailure(error) ? error.code : String(error)}`);
}
