// The entry point of archive_command and restore_command: it declares nothing but the WAL commands, so that it starts fast, and ends with
// the statuses that PostgreSQL understands.
import { existsSync } from 'node:fs';
import { runProgram } from './cli/run-program.ts';
import { declareWal } from './cli/wal.ts';
import { walFailureStatus } from './cli/wal-status.ts';

// Behind the group: a folder of policies may have any name.
const verb = process.argv.slice(process.argv.indexOf('wal')).find((word) => word === 'push' || word === 'fetch');

await runProgram({
  process,
  declare: declareWal,
  bendFailure: (status) =>
    walFailureStatus(status, {
      verb,
      // PostgreSQL runs restore_command in the data directory.
      standby: existsSync('standby.signal'),
    }),
});
