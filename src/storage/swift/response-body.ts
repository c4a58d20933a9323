import type { IncomingMessage } from 'node:http';
import { Failure } from '../../domain/failure.ts';

/** The body of an answer, exactly `expected` bytes; `translate` makes a Failure of what node:http throws. Ending early frees the connection. */
export function exactBody(
  message: IncomingMessage,
  expected: number,
  translate: (error: unknown) => unknown,
): AsyncIterable<Uint8Array> {
  let received = 0;
  const source: AsyncIterator<unknown> = message[Symbol.asyncIterator]();
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    try {
      const step = await source.next();
      if (step.done === true) {
        if (received !== expected) throw wrongLength(received, expected);
        return { done: true, value: undefined };
      }
      if (!(step.value instanceof Uint8Array))
        throw new Failure('bug', { message: 'a body gave something else than bytes' });
      received += step.value.length;
      if (received > expected) throw wrongLength(received, expected);
      return { done: false, value: step.value };
    } catch (error) {
      message.destroy();
      throw translate(error);
    }
  };
  // Not a generator: the `return` of one that was not started runs nothing, and would keep the connection.
  const close = async (): Promise<IteratorResult<Uint8Array>> => {
    message.destroy();
    return { done: true, value: undefined };
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: close }) };
}

function wrongLength(received: number, expected: number): Failure {
  return new Failure('store.unavailable', { message: `the body ended after ${received} of ${expected} bytes` });
}

/** The whole body as text. What is longer than `most` bytes breaks off with an error: no answer that we read whole is that long. */
export async function textOf(message: IncomingMessage, most: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const source: AsyncIterable<unknown> = message;
  for await (const piece of source) {
    if (!(piece instanceof Uint8Array)) continue;
    pieces.push(piece);
    length += piece.length;
    if (length > most) throw new Failure('store.unavailable', { message: `an answer is longer than ${most} bytes` });
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** Reads to the end what is of no interest, so that the connection can be used again. */
export async function discard(message: IncomingMessage): Promise<void> {
  await textOf(message, 64 * 1024).catch(() => message.destroy());
}
