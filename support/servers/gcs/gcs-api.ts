import { Bucket, type BucketOptions } from './bucket.ts';
import { compose, copy } from './copy.ts';
import { download } from './download.ts';
import { maskFields } from './fields-mask.ts';
import { GcsError, invalid, noBucket, required } from './gcs-error.ts';
import { insertWhole } from './insert.ts';
import { isRecord } from './json.ts';
import { listObjects } from './list.ts';
import { checkPreconditions } from './preconditions.ts';
import { type GcsReply, type GcsRequest, parseJsonBody } from './request.ts';
import { checkRetention } from './retention.ts';
import { Sessions } from './sessions.ts';
import { patchedMetadata, resourceOf, type StoredObject, settableIn, UNSET } from './stored-object.ts';

/** The methods of the JSON API that hoard, its tests and Google's own client use: https://cloud.google.com/storage/docs/json_api/v1 */
export class GcsApi {
  readonly buckets = new Map<string, Bucket>();
  readonly sessions: Sessions;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
    this.sessions = new Sessions(now);
  }

  makeBucket(name: string, options: BucketOptions = {}): Bucket {
    if (this.buckets.has(name)) {
      throw new GcsError(
        409,
        'conflict',
        'Your previous request to create the named bucket succeeded and you already own it.',
      );
    }
    const bucket = new Bucket(name, options, this.#now);
    this.buckets.set(name, bucket);
    return bucket;
  }

  /** Whether the address itself is the permission: an upload session. */
  static isSession(request: GcsRequest): boolean {
    return request.path.startsWith('/upload/') && request.query.has('upload_id');
  }

  answer(request: GcsRequest): GcsReply {
    const path = request.path.replace(/^\/(upload|download)(?=\/)/, '');
    const segments = path.split('/').slice(1).map(decodeURIComponent);
    const [root, version, b, bucketName, o, object, verb, ...rest] = segments;
    if (root !== 'storage' || version !== 'v1' || b !== 'b') throw new GcsError(404, 'notFound', 'Not Found');
    if (bucketName === undefined || bucketName === '') return this.#answerBuckets(request);
    const bucket = this.buckets.get(bucketName);
    if (bucket === undefined) throw noBucket();
    if (o === undefined) return this.#answerBucket(bucket, request);
    if (o !== 'o') throw new GcsError(404, 'notFound', 'Not Found');
    if (request.path.startsWith('/upload/')) return this.#answerUpload(bucket, request);
    if (object === undefined || object === '') {
      if (request.method !== 'GET') throw notAllowed();
      return ok(listObjects(bucket, request.query, request.base), request);
    }
    if (verb === undefined) return this.#answerObject(bucket, object, request);
    if (request.method !== 'POST') throw notAllowed();
    if (verb === 'compose') return this.#resource(bucket, compose(bucket, object, request), request);
    const [, toBucket = '', , toObject = ''] = rest;
    const target = this.buckets.get(toBucket);
    if (target === undefined) throw noBucket();
    const copied = copy(bucket, object, target, toObject, request);
    if (verb === 'copyTo') return this.#resource(target, copied, request);
    if (verb !== 'rewriteTo') throw new GcsError(404, 'notFound', 'Not Found');
    const size = String(copied.content.length);
    const resource = resourceOf(target, copied, request.base);
    return ok(
      { kind: 'storage#rewriteResponse', totalBytesRewritten: size, objectSize: size, done: true, resource },
      request,
    );
  }

  #answerBuckets(request: GcsRequest): GcsReply {
    if (request.query.get('project') === null) throw required('project');
    if (request.method === 'GET') {
      return ok(
        {
          kind: 'storage#buckets',
          items: [...this.buckets.values()].map((each) => bucketResource(each, request.base)),
        },
        request,
      );
    }
    if (request.method !== 'POST') throw notAllowed();
    const body = parseJsonBody(request.body);
    const name = isRecord(body) ? body['name'] : undefined;
    if (!isRecord(body) || typeof name !== 'string') throw required('name');
    if (!/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(name)) throw invalid(`Invalid bucket name: '${name}'`);
    const versioning = isRecord(body['versioning']) && body['versioning']['enabled'] === true;
    const retention = isRecord(body['retentionPolicy'])
      ? Number(body['retentionPolicy']['retentionPeriod'])
      : undefined;
    const options = {
      versioning,
      objectRetention: request.query.get('enableObjectRetention') === 'true',
      defaultEventBasedHold: body['defaultEventBasedHold'] === true,
      ...(retention !== undefined && { retentionPeriod: retention }),
    };
    return ok(bucketResource(this.makeBucket(name, options), request.base), request);
  }

  #answerBucket(bucket: Bucket, request: GcsRequest): GcsReply {
    if (request.method === 'GET') return ok(bucketResource(bucket, request.base), request);
    if (request.method !== 'DELETE') throw notAllowed();
    if (!bucket.isEmpty) throw new GcsError(409, 'conflict', 'The bucket you tried to delete is not empty.');
    this.buckets.delete(bucket.name);
    return { status: 204 };
  }

  #answerUpload(bucket: Bucket, request: GcsRequest): GcsReply {
    const id = request.query.get('upload_id');
    if (id !== null) {
      if (request.method === 'DELETE') return this.sessions.cancel(id);
      if (request.method !== 'PUT' && request.method !== 'POST') throw notAllowed();
      const found = this.sessions.put(id, request);
      return 'content' in found ? this.#resource(bucket, found, request) : found;
    }
    if (request.method !== 'POST') throw notAllowed();
    // What did not come whole is stored in no part.
    if (request.broken) return { status: 400 };
    const type = request.query.get('uploadType');
    if (type === 'resumable') return this.sessions.begin(bucket, request);
    if (type !== 'media' && type !== 'multipart')
      throw type === null ? required('uploadType') : invalid(`Invalid uploadType: ${type}`);
    return this.#resource(bucket, insertWhole(bucket, request), request);
  }

  #answerObject(bucket: Bucket, name: string, request: GcsRequest): GcsReply {
    const { method, query } = request;
    const generation = query.get('generation') ?? undefined;
    const object = bucket.get(name, generation);
    checkPreconditions(query, object);
    switch (method) {
      case 'GET':
        if (!['media', 'json', null].includes(query.get('alt')))
          throw invalid(`Invalid alt value '${query.get('alt')}'`);
        return query.get('alt') === 'media' ? download(object, request) : this.#resource(bucket, object, request);
      case 'DELETE':
        bucket.delete(object, generation !== undefined);
        return { status: 204 };
      case 'PATCH':
      case 'PUT': {
        const resource = parseJsonBody(request.body);
        const settable = settableIn(resource, bucket);
        checkRetention(object, settable, { isWhole: method === 'PUT', query, now: this.#now() });
        const changed =
          method === 'PATCH'
            ? { ...settable, metadata: patchedMetadata(object.metadata, resource) }
            : { ...UNSET, ...settable };
        return this.#resource(bucket, bucket.update(object, changed), request);
      }
      default:
        throw notAllowed();
    }
  }

  #resource(bucket: Bucket, object: StoredObject, request: GcsRequest): GcsReply {
    return ok(resourceOf(bucket, object, request.base), request);
  }
}

function ok(json: unknown, { query }: GcsRequest): GcsReply {
  return { status: 200, json: maskFields(json, query.get('fields') ?? undefined) };
}

function notAllowed(): GcsError {
  return new GcsError(405, 'methodNotAllowed', 'Method Not Allowed');
}

function bucketResource(bucket: Bucket, base: string): unknown {
  const { name, options, timeCreated } = bucket;
  const created = new Date(timeCreated).toISOString();
  return {
    kind: 'storage#bucket',
    id: name,
    name,
    selfLink: `${base}/storage/v1/b/${name}`,
    projectNumber: '1',
    metageneration: '1',
    location: 'EU',
    locationType: 'multi-region',
    storageClass: 'STANDARD',
    timeCreated: created,
    updated: created,
    etag: 'CAE=',
    versioning: { enabled: options.versioning === true },
    ...(options.retentionPeriod !== undefined && {
      retentionPolicy: { retentionPeriod: String(options.retentionPeriod), effectiveTime: created },
    }),
    ...(options.objectRetention === true && { objectRetention: { mode: 'Enabled' } }),
    ...(options.defaultEventBasedHold === true && { defaultEventBasedHold: true }),
  };
}
