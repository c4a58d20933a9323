import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { S3 } from '@aws-sdk/client-s3';
import type { Body } from '../remote/driver.ts';
import { md5Of } from '../remote/md5.ts';

/** What a request that carries a body says about it. */
export interface CheckedBody {
  readonly Body: Uint8Array | Readable;
  readonly ContentLength: number;
  readonly ContentMD5: string;
}

/**
 * Every store checks Content-MD5, and the signature covers it: so it protects the body from accidents and from strangers, over plain HTTP
 * as well. The SHA-256 of the body that the SDK would sign besides is the same work again, here and in the store.
 */
export async function checkedBody(body: Body): Promise<CheckedBody> {
  const md5 = await md5Of(body);
  const [only] = body.pieces;
  const single = body.length === 0 ? new Uint8Array(0) : body.pieces.length === 1 ? only : undefined;
  return {
    Body: single ?? Readable.from(body.pieces, { objectMode: false }),
    ContentLength: body.length,
    ContentMD5: md5.toString('base64'),
  };
}

/** On an answer: its date, as the store wrote it. */
const DATE = Symbol('date');

/** When the store gave this answer, by its own clock; undefined where it did not say. */
export function answeredAt(output: object): number | undefined {
  const date: unknown = Reflect.get(output, DATE);
  const at = typeof date === 'string' ? Date.parse(date) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

const BEARS_MD5 = new Set(['PutObjectCommand', 'UploadPartCommand']);
const MUST_HAVE_CHECKSUM = new Set(['DeleteObjectsCommand', 'PutObjectRetentionCommand']);

interface Headers {
  [name: string]: string;
}

/** What the SDK does not do by itself. */
export function addHeaders(client: S3): void {
  client.middlewareStack.add(
    (next, context) => (args) => {
      const request = requestOf(args.request);
      if (request !== undefined) {
        if (BEARS_MD5.has(context.commandName ?? '')) request.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
        if (MUST_HAVE_CHECKSUM.has(context.commandName ?? '')) replaceChecksum(request);
      }
      return next(args);
    },
    // After the SDK's own checksums (same step, normal priority), before the signature.
    { step: 'build', priority: 'low', name: 'hoardChecksums' },
  );
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const output: unknown = result.output;
      if (typeof output === 'object' && output !== null) Reflect.set(output, DATE, headersOf(result.response)['date']);
      return result;
    },
    { step: 'deserialize', priority: 'high', name: 'hoardDate' },
  );
}

/** These requests must bear a checksum. The SDK sends CRC-32, which Ceph before 20 and others do not know; AWS takes either. */
function replaceChecksum(request: { readonly headers: Headers; readonly body: unknown }): void {
  for (const name of Object.keys(request.headers))
    if (/^x-amz-(checksum-|sdk-checksum-algorithm$)/i.test(name)) delete request.headers[name];
  if (typeof request.body === 'string' || request.body instanceof Uint8Array)
    request.headers['content-md5'] = createHash('md5').update(request.body).digest('base64');
}

function requestOf(request: unknown): { readonly headers: Headers; readonly body: unknown } | undefined {
  return isHttp(request) ? request : undefined;
}

function isHttp(value: unknown): value is { readonly headers: Headers; readonly body: unknown } {
  return typeof value === 'object' && value !== null && 'headers' in value && 'body' in value;
}

function headersOf(response: unknown): Headers {
  return isHttp(response) ? response.headers : {};
}
