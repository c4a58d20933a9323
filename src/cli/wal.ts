import type { DeclareCommand } from './run-program.ts';
import { declareWalFetch } from './wal-fetch.ts';
import { declareWalList } from './wal-list.ts';
import { declareWalPush } from './wal-push.ts';

export const declareWal: DeclareCommand = (program, context, run) => {
  const group = program
    .command('wal')
    .description("PostgreSQL's archive_command and restore_command, and what is stored");
  for (const declare of [declareWalPush, declareWalFetch, declareWalList]) declare(group, context, run);
};
