import { Readable } from 'node:stream';
import { Failure } from '../../domain/failure.ts';
import type { DriverObject, DriverReadOptions } from '../remote/driver.ts';
import { answerOf } from './errors.ts';
import type { S3Session } from './session.ts';

/** StoreDriver.read. */
export async function readObject(session: S3Session, key: string, options: DriverReadOptions): Promise<DriverObject> {
  const { range, version, signal } = options;
  const output = await session
    .send({ operation: 'read', key }, signal, (s3, abort) =>
      s3.getObject(
        {
          Bucket: session.bucket,
          Key: key,
          ...(range && { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
          ...(version !== undefined && { IfMatch: version }),
        },
        abort,
      ),
    )
    .catch((error: unknown) => {
      throw meaning(error, session, key, options);
    });
  const body = output.Body;
  if (!(body instanceof Readable)) throw new Failure('bug', { message: 'the S3 client gave a body that is no stream' });
  const length = output.ContentLength ?? 0;
  const size = range === undefined ? length : totalOf(output.ContentRange);
  if (range !== undefined && (size === undefined || length !== range.length)) {
    body.destroy();
    throw beyond(session, key, range, size);
  }
  return { size: size ?? length, version: output.ETag ?? '', body: exactly(session, { key, body, length, signal }) };
}

function meaning(error: unknown, session: S3Session, key: string, options: DriverReadOptions): unknown {
  const status = answerOf(error)?.status;
  if (status === 416 && options.range) return beyond(session, key, options.range, undefined, error);
  if (status === 412 && options.version !== undefined) {
    return new Failure('store.changed', {
      message: `${key} in ${session.description} was replaced while it was being read`,
      cause: error,
    });
  }
  return error;
}

/** `bytes 0-9/100`; undefined where the store does not say, or has sent all of it instead of the range. */
function totalOf(contentRange: string | undefined): number | undefined {
  const total = /^bytes \d+-\d+\/(\d+)$/.exec(contentRange ?? '')?.[1];
  return total === undefined ? undefined : Number(total);
}

function beyond(
  session: S3Session,
  key: string,
  range: { readonly offset: number; readonly length: number },
  size: number | undefined,
  cause?: unknown,
): Failure {
  const known = size === undefined ? '' : `, which has ${size}`;
  return new Failure('store.incomplete', {
    message: `${session.description} cannot give bytes ${range.offset} to ${range.offset + range.length} of ${key}${known}`,
    cause,
  });
}

interface Answer {
  readonly key: string;
  readonly body: Readable;
  readonly length: number;
  readonly signal: AbortSignal;
}

/** The body; one that ends early is an error. Ending the iteration early closes the connection. */
async function* exactly(session: S3Session, { key, body, length, signal }: Answer): AsyncGenerator<Uint8Array> {
  let received = 0;
  const stop = (): void => {
    body.destroy();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    for await (const piece of body) {
      if (!(piece instanceof Uint8Array)) throw new Failure('bug', { message: 'the S3 client gave text for a body' });
      received += piece.length;
      yield piece;
      signal.throwIfAborted();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof Failure ? error : brokenOff(session, key, received, length, error);
  } finally {
    signal.removeEventListener('abort', stop);
    body.destroy();
  }
  if (received !== length) throw brokenOff(session, key, received, length);
}

function brokenOff(session: S3Session, key: string, received: number, length: number, cause?: unknown): Failure {
  return new Failure('store.unavailable', {
    message: `${session.description} broke off after ${received} of ${length} bytes of ${key}`,
    cause,
  });
}
