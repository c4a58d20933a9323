import { declareCommands } from './cli/commands.ts';
import { runProgram } from './cli/run-program.ts';

await runProgram({ process, declare: declareCommands });
