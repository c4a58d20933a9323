import type { Bucket } from './bucket.ts';
import { expectedIn, verify } from './checksums.ts';
import { invalid, required } from './gcs-error.ts';
import { isRecord } from './json.ts';
import { parseMultipart } from './multipart.ts';
import { checkPreconditions } from './preconditions.ts';
import { type GcsRequest, parseJsonBody } from './request.ts';
import { type Settable, type StoredObject, settableIn } from './stored-object.ts';

/** What an upload is to become; what a session remembers. */
export interface Insertion {
  readonly name: string;
  readonly settable: Settable;
  readonly query: URLSearchParams;
  readonly crc32c: string | undefined;
  readonly md5Hash: string | undefined;
}

const DEFAULT_TYPE = 'application/octet-stream';

/** `name` in the query wins over the resource's. */
export function insertionOf(
  bucket: Bucket,
  query: URLSearchParams,
  resource: unknown,
  contentType: string | undefined,
): Insertion {
  const fields = isRecord(resource) ? resource : {};
  const text = (name: string): string | undefined => (typeof fields[name] === 'string' ? fields[name] : undefined);
  const name = query.get('name') ?? text('name');
  if (name === undefined || name === '') throw required('name');
  const settable = settableIn(resource, bucket);
  return {
    name,
    settable: {
      ...settable,
      contentType: settable.contentType ?? contentType ?? DEFAULT_TYPE,
      contentEncoding: query.get('contentEncoding') ?? settable.contentEncoding,
    },
    query,
    crc32c: text('crc32c'),
    md5Hash: text('md5Hash'),
  };
}

/** Preconditions, checksums and the change in one go. */
export function insert(
  bucket: Bucket,
  insertion: Insertion,
  content: Buffer,
  hash: GcsRequest['headers'][string],
): StoredObject {
  verify(content, insertion);
  verify(content, expectedIn(hash));
  checkPreconditions(insertion.query, bucket.find(insertion.name));
  return bucket.insert(insertion.name, content, insertion.settable);
}

/** `uploadType=media` and `uploadType=multipart`. */
export function insertWhole(bucket: Bucket, request: GcsRequest): StoredObject {
  const { query, headers, body } = request;
  const hash = headers['x-goog-hash'];
  if (query.get('uploadType') === 'media') {
    const md5Hash = headers['content-md5'];
    const resource = typeof md5Hash === 'string' ? { md5Hash } : {};
    return insert(bucket, insertionOf(bucket, query, resource, headers['content-type']), body, hash);
  }
  const [resource, media] = parseMultipart(headers['content-type'], body);
  const fields = parseJsonBody(resource.content);
  const type = isRecord(fields) ? fields['contentType'] : undefined;
  if (typeof type === 'string' && media.contentType !== undefined && media.contentType !== type) {
    throw invalid(
      `Content-Type specified in the upload (${media.contentType}) does not match Content-Type specified in metadata (${type}).`,
    );
  }
  return insert(bucket, insertionOf(bucket, query, fields, media.contentType), media.content, hash);
}
