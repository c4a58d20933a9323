import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { Failure } from '../domain/failure.ts';

/**
 * Asks on `output` and reads one line of the terminal `input` without showing it. Throws `interrupted` for Ctrl-C (which the terminal
 * hands over as a character meanwhile) and for the end of the input.
 */
export async function askHidden(args: {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly question: string;
  readonly signal: AbortSignal;
}): Promise<string> {
  // A terminal interface takes the echo away from the terminal and does it itself: into nothing.
  const nothing = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: args.input, output: nothing, terminal: true, historySize: 0 });
  const stopped = new Promise<never>((_, reject) => {
    const stop = (): void => reject(new Failure('interrupted', { message: 'nothing was typed' }));
    lines.once('SIGINT', stop);
    lines.once('close', stop);
  });
  args.output.write(args.question);
  try {
    return await Promise.race([lines.question('', { signal: args.signal }), stopped]);
  } finally {
    lines.close();
    args.output.write('\n');
  }
}
