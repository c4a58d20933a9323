import type { Body } from '../remote/driver.ts';
import type { Session } from './session.ts';

/** Requests of one transfer that are on their way at once: 4 MiB, which fills the window of a channel (2 MiB in OpenSSH). */
const OUTSTANDING = 16;

/** Writes a body from `offset` on, many requests at a time: one by one, each would wait for the answer to the one before. */
export async function writeBody(
  session: Session,
  handle: Buffer,
  body: Body,
  offset: number,
  signal: AbortSignal,
): Promise<void> {
  const rest = chunks(body, offset, session.chunk);
  let failed = false;
  const lane = async (): Promise<void> => {
    for (;;) {
      const { value } = failed ? { value: undefined } : rest.next();
      if (value === undefined) return;
      const { bytes, position } = value;
      try {
        await session.transfer(async () =>
          session.run(signal, (sftp, done) => sftp.write(handle, bytes, 0, bytes.length, position, done)),
        );
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const lanes = Math.min(OUTSTANDING, Math.ceil(body.length / session.chunk));
  const outcomes = await Promise.allSettled(Array.from({ length: lanes }, lane));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

interface Chunk {
  readonly bytes: Buffer;
  readonly position: number;
}

/** Cuts large pieces without a copy, and gathers small ones. */
function* chunks({ pieces }: Body, offset: number, size: number): Generator<Chunk, undefined> {
  let position = offset;
  let gathered: Uint8Array[] = [];
  let length = 0;
  const take = (): Chunk => {
    const [only] = gathered;
    const bytes =
      gathered.length === 1 && only !== undefined
        ? Buffer.from(only.buffer, only.byteOffset, only.byteLength)
        : Buffer.concat(gathered);
    const chunk = { bytes, position };
    position += length;
    gathered = [];
    length = 0;
    return chunk;
  };
  for (const piece of pieces) {
    for (let start = 0; start < piece.length; ) {
      const part = piece.subarray(start, start + size - length);
      gathered.push(part);
      length += part.length;
      start += part.length;
      if (length === size) yield take();
    }
  }
  if (length > 0) yield take();
  return undefined;
}
