import { declareApply } from './apply.ts';
import { declareBackup } from './backup.ts';
import { declareCheck } from './check.ts';
import { declareKeys } from './keys.ts';
import { declarePlan } from './plan.ts';
import { declareRestore } from './restore.ts';
import type { DeclareCommand } from './run-program.ts';
import { declareSchema } from './schema.ts';
import { declareStatus } from './status.ts';
import { declareValidate } from './validate.ts';
import { declareWal } from './wal.ts';

/** All commands, in the order of the help. Each declares its flags here and loads what it works with only when it runs. */
export const declareCommands: DeclareCommand = (program, context, run) => {
  const commands = [
    declareValidate,
    declareCheck,
    declarePlan,
    declareApply,
    declareStatus,
    declareBackup,
    declareRestore,
    declareWal,
    declareKeys,
    declareSchema,
  ];
  for (const declare of commands) declare(program, context, run);
};
