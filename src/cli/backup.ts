import { declareBackupList } from './backup-list.ts';
import { declareBackupShow } from './backup-show.ts';
import { declareBackupTake } from './backup-take.ts';
import { declareBackupVerify } from './backup-verify.ts';
import type { DeclareCommand } from './run-program.ts';

export const declareBackup: DeclareCommand = (program, context, run) => {
  const group = program.command('backup').description('takes, lists, shows and verifies backups');
  const commands = [declareBackupTake, declareBackupList, declareBackupShow, declareBackupVerify];
  for (const declare of commands) declare(group, context, run);
};
