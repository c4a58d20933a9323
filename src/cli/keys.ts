import { declareKeysCreate } from './keys-create.ts';
import { declareKeysList } from './keys-list.ts';
import type { DeclareCommand } from './run-program.ts';

export const declareKeys: DeclareCommand = (program, context, run) => {
  const group = program.command('keys').description('makes OpenPGP keys, and says which backups need which');
  for (const declare of [declareKeysCreate, declareKeysList]) declare(group, context, run);
};
