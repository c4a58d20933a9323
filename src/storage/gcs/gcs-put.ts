import { crc32c } from '@node-rs/crc32';
import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';
import type { Body, DriverOptions, DriverPutOptions } from '../remote/driver.ts';
import type { GcsClient } from './gcs-client.ts';
import { encodeCrc32c, type GcsObject, infoOf, OBJECT_FIELDS, parseObject, TOKEN } from './gcs-object.ts';

/** What is sent with an object; the type is one that nobody on the way compresses or sniffs. */
export function metadataOf(key: string, options: DriverPutOptions): Readonly<Record<string, unknown>> {
  return { name: key, contentType: 'application/octet-stream', metadata: { [TOKEN]: options.token } };
}

/** StoreDriver.putWhole: one multipart upload; the service compares the checksum before anything becomes visible. */
export async function putWhole(
  client: GcsClient,
  key: string,
  body: Body,
  options: DriverPutOptions,
): Promise<ObjectInfo> {
  const checksum = encodeCrc32c(body.pieces.reduce<number>((crc, piece) => crc32c(piece, crc), 0));
  const boundary = `hoard-${options.token}`;
  const call = {
    operation: 'write',
    key,
    method: 'POST',
    path: client.uploadPath,
    query: { uploadType: 'multipart', ifGenerationMatch: options.ifAbsent ? '0' : undefined, fields: OBJECT_FIELDS },
    headers: { 'content-type': `multipart/related; boundary=${boundary}` },
    body: multipart(boundary, { ...metadataOf(key, options), crc32c: checksum }, body),
    signal: options.signal,
    accept: options.ifAbsent ? [412] : [],
  } as const;
  const answer = await client.json(call);
  const stored = answer.status === 412 ? await ours(client, key, options) : parseObject(answer.json);
  await requireWhole(client, stored, { size: body.length, checksum }, options);
  return infoOf(stored);
}

/** https://cloud.google.com/storage/docs/uploading-objects#upload-object-json: RFC 2387, the description first. */
function multipart(boundary: string, metadata: Readonly<Record<string, unknown>>, body: Body): Body {
  const head = Buffer.from(
    `--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n${JSON.stringify(metadata)}\r\n` +
      `--${boundary}\r\ncontent-type: application/octet-stream\r\n\r\n`,
  );
  const end = Buffer.from(`\r\n--${boundary}--\r\n`);
  return { pieces: [head, ...body.pieces, end], length: head.length + body.length + end.length };
}

/** The object that keeps a conditional create from succeeding, where this same put has made it: its answer was lost. */
export async function ours(client: GcsClient, key: string, options: DriverPutOptions): Promise<GcsObject> {
  const found = await lookUp(client, key, options);
  if (found?.token === options.token) return found;
  if (found !== undefined)
    throw new Failure('store.exists', { message: `${key} exists already in ${client.description}` });
  throw new Failure('store.unavailable', {
    message: `${key} came and went in ${client.description} while it was written`,
  });
}

export async function lookUp(
  client: GcsClient,
  key: string,
  { signal }: DriverOptions,
): Promise<GcsObject | undefined> {
  const path = client.objectPath(key);
  const call = { operation: 'look at', key, method: 'GET', path, query: { fields: OBJECT_FIELDS }, signal } as const;
  try {
    return parseObject((await client.json(call)).json);
  } catch (error) {
    if (error instanceof Failure && error.code === 'store.not-found') return undefined;
    throw error;
  }
}

/** Compares what the service says that it has; another thing than what was sent is removed, and nothing but it. */
export async function requireWhole(
  client: GcsClient,
  stored: GcsObject,
  sent: { readonly size: number; readonly checksum: string },
  { signal }: DriverOptions,
): Promise<void> {
  if (stored.size === sent.size && (stored.crc32c ?? sent.checksum) === sent.checksum) return;
  const { key, generation } = stored;
  const query = { generation };
  const path = client.objectPath(key);
  await client.json({ operation: 'remove', key, method: 'DELETE', path, query, signal, accept: [404, 412] });
  throw new Failure('store.incomplete', {
    message: `${client.description} stored ${stored.size} bytes with CRC32C ${stored.crc32c ?? 'unknown'} as ${key}, not the ${sent.size} bytes with ${sent.checksum} that were sent`,
    hint: 'it was removed again; the next try sends everything anew',
  });
}
