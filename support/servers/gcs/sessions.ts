import { randomBytes } from 'node:crypto';
import type { Bucket } from './bucket.ts';
import { GcsError, invalid } from './gcs-error.ts';
import { type Insertion, insert, insertionOf } from './insert.ts';
import { isRecord } from './json.ts';
import { checkPreconditions } from './preconditions.ts';
import { type GcsReply, type GcsRequest, parseJsonBody } from './request.ts';
import type { StoredObject } from './stored-object.ts';

/** Only whole ones are kept of an upload that is not at its end. */
const GRANULE = 256 * 1024;
const LIFETIME = 7 * 24 * 3600 * 1000;

interface Session {
  readonly bucket: Bucket;
  readonly insertion: Insertion;
  readonly begun: number;
  /** X-Upload-Content-Length. */
  readonly announced: number | undefined;
  readonly pieces: Buffer[];
  kept: number;
  object: StoredObject | undefined;
  cancelled: boolean;
}

/** Resumable uploads: https://cloud.google.com/storage/docs/performing-resumable-uploads */
export class Sessions {
  readonly #sessions = new Map<string, Session>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Uploads that are neither complete nor cancelled. */
  get open(): number {
    return [...this.#sessions.values()].filter((each) => each.object === undefined && !each.cancelled).length;
  }

  begin(bucket: Bucket, request: GcsRequest): GcsReply {
    const { query, headers } = request;
    const type = headers['x-upload-content-type'];
    const length = headers['x-upload-content-length'];
    const resource = parseJsonBody(request.body);
    const inBody = isRecord(resource) ? resource['name'] : undefined;
    const inQuery = query.get('name');
    if (typeof inBody === 'string' && inQuery !== null && inBody !== inQuery)
      throw invalid(`Value '${inBody}' in content does not agree with value '${inQuery}'.`);
    const insertion = insertionOf(bucket, query, resource, typeof type === 'string' ? type : undefined);
    checkPreconditions(query, bucket.find(insertion.name));
    const id = randomBytes(48).toString('base64url');
    const announced = typeof length === 'string' && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
    this.#sessions.set(id, {
      bucket,
      insertion,
      begun: this.#now(),
      announced,
      pieces: [],
      kept: 0,
      object: undefined,
      cancelled: false,
    });
    const address = `${request.base}/upload/storage/v1/b/${encodeURIComponent(bucket.name)}/o?uploadType=resumable&upload_id=${id}`;
    return { status: 200, headers: { location: address, 'x-guploader-uploadid': id } };
  }

  cancel(id: string): GcsReply {
    const session = this.#find(id);
    if (session.object !== undefined) throw new GcsError(404, 'notFound', 'The upload is complete.');
    session.cancelled = true;
    session.pieces.length = 0;
    return { status: 499 };
  }

  /** A chunk, the end of the upload, or a question; the object where it is complete now. */
  put(id: string, request: GcsRequest): StoredObject | GcsReply {
    const session = this.#find(id);
    if (session.cancelled) return { status: 499 };
    if (session.object !== undefined) return session.object;
    const range = rangeIn(request);
    const total = range.total ?? (range.final ? range.first + request.body.length : undefined);
    if (session.announced !== undefined && total !== undefined && total !== session.announced) {
      throw invalid(`X-Upload-Content-Length of ${session.announced} does not fit the size ${total}.`);
    }
    const isQuestion = request.body.length === 0 && range.asking;
    if (!isQuestion) this.#append(session, range.first, request, total ?? session.announced);
    if (request.broken || session.kept !== (total ?? session.announced)) return this.#incomplete(session, request);
    session.object = insert(
      session.bucket,
      session.insertion,
      Buffer.concat(session.pieces),
      request.headers['x-goog-hash'],
    );
    session.pieces.length = 0;
    return session.object;
  }

  #append(session: Session, first: number, { body, broken }: GcsRequest, total: number | undefined): void {
    if (first > session.kept)
      throw invalid(`The chunk begins at ${first}, but only ${session.kept} bytes were received.`);
    // What was sent before is skipped: "resent data" in the documentation.
    const fresh = body.subarray(session.kept - first);
    const end = session.kept + fresh.length;
    if (total !== undefined && end > total) throw invalid('The chunk reaches beyond the size of the upload.');
    const isEnd = !broken && end === total;
    const kept = isEnd ? fresh.length : Math.max(0, Math.floor(end / GRANULE) * GRANULE - session.kept);
    session.pieces.push(Buffer.from(fresh.subarray(0, kept)));
    session.kept += kept;
  }

  #incomplete(session: Session, request: GcsRequest): GcsReply {
    const headers = session.kept === 0 ? {} : { range: `bytes=0-${session.kept - 1}` };
    if (request.headers['x-guploader-no-308'] === 'yes') {
      return { status: 200, headers: { ...headers, 'x-http-status-code-override': '308' } };
    }
    return { status: 308, headers };
  }

  #find(id: string): Session {
    const session = this.#sessions.get(id);
    if (session === undefined) throw new GcsError(404, 'notFound', 'No such upload session.');
    if (session.begun + LIFETIME < this.#now()) throw new GcsError(410, 'gone', 'The upload session has expired.');
    return session;
  }
}

interface Range {
  readonly first: number;
  readonly total: number | undefined;
  /** The body ends the object, whatever its size. */
  readonly final: boolean;
  /** No byte positions: nothing is sent. */
  readonly asking: boolean;
}

function rangeIn({ headers, body: { length }, broken }: GcsRequest): Range {
  const header = headers['content-range'];
  // A PUT without it brings the whole object.
  if (header === undefined) return { first: 0, total: length, final: true, asking: false };
  const [, first, last, size] = /^bytes (?:\*|(\d{1,15})-(\d{1,15}|\*))\/(\d{1,15}|\*)$/.exec(header) ?? [];
  if (size === undefined) throw invalid(`Failed to parse Content-Range header: ${header}`);
  const total = size === '*' ? undefined : Number(size);
  if (first === undefined) {
    if (length > 0) throw invalid('Content-Range names no bytes, but there are some.');
    return { first: 0, total, final: false, asking: true };
  }
  if (!broken && last !== '*' && Number(last) - Number(first) + 1 !== length) {
    throw invalid(`Content-Range ${header} does not fit the ${length} bytes that were sent.`);
  }
  return { first: Number(first), total, final: last === '*', asking: false };
}
