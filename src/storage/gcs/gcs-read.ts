import { crc32c } from '@node-rs/crc32';
import { Failure } from '../../domain/failure.ts';
import type { DriverObject, DriverReadOptions } from '../remote/driver.ts';
import type { GcsClient } from './gcs-client.ts';
import type { GcsAnswer } from './gcs-exchange.ts';
import { encodeCrc32c } from './gcs-object.ts';
import { lookUp } from './gcs-put.ts';

/** StoreDriver.read. The version is a generation, and asked for as what must be stored now: a versioned bucket would give old ones as well. */
export async function readObject(client: GcsClient, key: string, options: DriverReadOptions): Promise<DriverObject> {
  const { range, version, signal } = options;
  const answer = await client.call({
    operation: 'read',
    key,
    method: 'GET',
    path: client.objectPath(key),
    query: { alt: 'media', ifGenerationMatch: version },
    headers: range === undefined ? {} : { range: `bytes=${range.offset}-${range.offset + range.length - 1}` },
    signal,
    accept: [412, 416],
  });
  const short = (message: string): Failure => {
    answer.body.destroy();
    return new Failure('store.incomplete', { message: `${message} of ${key} in ${client.description}` });
  };
  if (answer.status === 412) {
    answer.body.destroy();
    throw (await lookUp(client, key, options)) === undefined
      ? new Failure('store.not-found', { message: `there is no ${key} in ${client.description}` })
      : new Failure('store.changed', {
          message: `${key} in ${client.description} is another than when its reading began`,
        });
  }
  const wanted = `bytes ${range?.offset} to ${(range?.offset ?? 0) + (range?.length ?? 0) - 1}`;
  if (answer.status === 416) throw short(`${wanted} reach beyond the end`);
  const size = sizeOf(answer);
  const length = Number(answer.headers['content-length'] ?? Number.NaN);
  if (size === undefined || length !== (range?.length ?? size) || answer.status !== (range === undefined ? 200 : 206)) {
    if (range !== undefined && size !== undefined && range.offset + range.length > size)
      throw short(`${wanted} reach beyond the end`);
    answer.body.destroy();
    throw new Failure('store.unavailable', {
      message: `${client.description} answered other bytes of ${key} than it was asked for`,
    });
  }
  return {
    size,
    version: header(answer, 'x-goog-generation') ?? '',
    body: pieces(client, key, answer, {
      length,
      checksum: range === undefined ? checksumOf(answer) : undefined,
      signal,
    }),
  };
}

async function* pieces(
  client: GcsClient,
  key: string,
  answer: GcsAnswer,
  {
    length,
    checksum,
    signal,
  }: { readonly length: number; readonly checksum: string | undefined; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  let read = 0;
  let crc = 0;
  try {
    for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
      read += piece.length;
      if (checksum !== undefined) crc = crc32c(piece, crc);
      if (read > length) break;
      yield piece;
    }
  } catch (error) {
    throw client.broken({ operation: 'read', key, signal }, error);
  } finally {
    answer.body.destroy();
  }
  if (read !== length) {
    throw new Failure('store.unavailable', {
      message: `${client.description} gave ${read} bytes of ${key}, not ${length}`,
    });
  }
  if (checksum !== undefined && encodeCrc32c(crc) !== checksum) {
    throw new Failure('object.corrupt', {
      message: `what ${client.description} gave as ${key} has the CRC32C ${encodeCrc32c(crc)}, not ${checksum} as it says itself`,
      hint: 'something on the way damages the data; read it again',
    });
  }
}

function sizeOf(answer: GcsAnswer): number | undefined {
  const range = header(answer, 'content-range');
  const size = range === undefined ? header(answer, 'content-length') : /\/(\d{1,15})$/.exec(range)?.[1];
  return size === undefined ? undefined : Number(size);
}

/** `x-goog-hash: crc32c=…,md5=…`, which may also come as two headers. It is of what is stored, so of no use where that is unpacked. */
function checksumOf(answer: GcsAnswer): string | undefined {
  return /crc32c=([A-Za-z0-9+/]{6}==)/.exec(header(answer, 'x-goog-hash') ?? '')?.[1];
}

function header(answer: GcsAnswer, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}
