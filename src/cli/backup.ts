import { declareBackupList } from './backup-list.ts';
import { declareBackupShow } from './backup-show.ts';
import { declareBackupTake } from './backup-take.ts';
import type { DeclareCommand } from './run-program.ts';

export const declareBackup: DeclareCommand = (program, context, run) => {
  const group = program.command('backup').description('takes, lists and shows backups');
  for (const declare of [declareBackupTake, declareBackupList, declareBackupShow]) declare(group, context, run);
};
