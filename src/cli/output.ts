import { once } from 'node:events';
import type { Redactor } from '../telemetry/redact.ts';
import type { Output } from './context.ts';

export interface OutputStream extends NodeJS.EventEmitter {
  write(text: string): boolean;
}

/**
 * Redacting writers over the two standard streams. A reader of standard output that goes away (`hoard plan | head -1`) is no error:
 * the rest of the result is dropped and the command goes on.
 */
export function createOutput(args: {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly redactor: Redactor;
  /** Takes progress bars off the screen before something else is written. */
  readonly beforeWrite: () => void;
}): Output {
  const { stdout, stderr, redactor, beforeWrite } = args;
  let readerGone = false;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    readerGone = true;
  });
  stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

  const writeResult = async (text: string): Promise<void> => {
    if (readerGone || text === '') return;
    beforeWrite();
    if (stdout.write(withNewline(text))) return;
    await Promise.race([once(stdout, 'drain'), once(stdout, 'close')]).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  };

  return {
    result: (text) => writeResult(redactor.text(text)),
    document: (value) => writeResult(JSON.stringify(redactor.json(value), null, 2)),
    message(text) {
      beforeWrite();
      stderr.write(withNewline(redactor.text(text)));
    },
    redacted: (value) => redactor.json(value),
  };
}

const withNewline = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);
