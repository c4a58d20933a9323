import { createInterface } from 'node:readline/promises';

/** Asks on `output` and reads one line of `input`; anything but a typed yes is a no, the end of the input too. */
export async function confirm(args: {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly question: string;
  readonly signal: AbortSignal;
}): Promise<boolean> {
  const lines = createInterface({ input: args.input, output: args.output, terminal: false });
  const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([lines.question(`${args.question} [y/N] `, { signal: args.signal }), ended]);
    return /^\s*y(es)?\s*$/i.test(answer);
  } finally {
    lines.close();
  }
}
