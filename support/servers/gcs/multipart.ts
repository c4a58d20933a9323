import { invalid } from './gcs-error.ts';

export interface Part {
  readonly contentType: string | undefined;
  readonly content: Buffer;
}

/** The two parts of a `multipart/related` upload: the object's resource and its content. */
export function parseMultipart(contentType: string | undefined, body: Buffer): readonly [Part, Part] {
  const boundary = /boundary=(?:"([^"]+)"|'([^']+)'|([^;\s]+))/i.exec(contentType ?? '');
  const name = boundary?.[1] ?? boundary?.[2] ?? boundary?.[3];
  if (name === undefined) throw invalid('Missing multipart boundary');
  const delimiter = Buffer.from(`--${name}`);
  const parts: Part[] = [];
  let start = body.indexOf(delimiter);
  while (start >= 0) {
    const from = start + delimiter.length;
    if (body.subarray(from, from + 2).toString() === '--') break;
    const end = body.indexOf(Buffer.from(`\r\n--${name}`), from);
    if (end < 0) throw invalid('Malformed multipart body.');
    parts.push(parsePart(body.subarray(from, end)));
    start = end + 2;
  }
  const [resource, media] = parts;
  if (resource === undefined || media === undefined || parts.length !== 2 || start < 0)
    throw invalid('Malformed multipart body.');
  return [resource, media];
}

function parsePart(bytes: Buffer): Part {
  const blank = bytes.indexOf('\r\n\r\n');
  if (blank < 0) throw invalid('Malformed multipart body.');
  const head = bytes.subarray(0, blank).toString('latin1');
  return { contentType: /^content-type:\s*(.+?)\s*$/im.exec(head)?.[1], content: bytes.subarray(blank + 4) };
}
