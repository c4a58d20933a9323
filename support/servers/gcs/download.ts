import { gunzipSync } from 'node:zlib';
import { GcsError } from './gcs-error.ts';
import type { GcsReply, GcsRequest } from './request.ts';
import { etagOf, type StoredObject } from './stored-object.ts';

/** `alt=media`: https://cloud.google.com/storage/docs/json_api/v1/objects/get */
export function download(object: StoredObject, request: GcsRequest): GcsReply {
  const { content } = object;
  const headers = {
    'content-type': object.contentType ?? 'application/octet-stream',
    'x-goog-generation': String(object.generation),
    'x-goog-metageneration': String(object.metageneration),
    'x-goog-hash': `crc32c=${object.crc32c}${object.md5Hash === undefined ? '' : `,md5=${object.md5Hash}`}`,
    'x-goog-storage-class': object.storageClass ?? 'STANDARD',
    'x-goog-stored-content-encoding': object.contentEncoding ?? 'identity',
    'x-goog-stored-content-length': String(content.length),
    'last-modified': new Date(object.timeCreated).toUTCString(),
    etag: etagOf(object),
    ...(object.cacheControl !== undefined && { 'cache-control': object.cacheControl }),
    ...(object.contentDisposition !== undefined && { 'content-disposition': object.contentDisposition }),
    ...(object.contentLanguage !== undefined && { 'content-language': object.contentLanguage }),
  };
  if (object.contentEncoding === 'gzip') {
    const accepts = (request.headers['accept-encoding'] ?? '').includes('gzip');
    // Decompressive transcoding ignores ranges: https://cloud.google.com/storage/docs/transcoding
    if (!accepts)
      return { status: 200, headers: { ...headers, warning: '214 UploadServer gunzipped' }, body: gunzipSync(content) };
    Object.assign(headers, { 'content-encoding': 'gzip' });
  }
  const range = rangeOf(request.headers.range, content.length);
  if (range === undefined) return { status: 200, headers: { ...headers, 'accept-ranges': 'bytes' }, body: content };
  const [first, last] = range;
  return {
    status: 206,
    headers: { ...headers, 'content-range': `bytes ${first}-${last}/${content.length}` },
    body: content.subarray(first, last + 1),
  };
}

/** RFC 9110, 14.1.2; undefined where there is none, or one that is malformed or of several parts and so is ignored. */
function rangeOf(header: string | undefined, size: number): readonly [number, number] | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  const [, from = '', to = ''] = match;
  const first = from === '' ? Math.max(size - Number(to), 0) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined;
  if (first >= size || (from === '' && Number(to) === 0)) {
    throw new GcsError(416, 'requestedRangeNotSatisfiable', 'The requested range cannot be satisfied.', 'Range');
  }
  return [first, last];
}
