import type { Bucket } from './bucket.ts';
import { invalid, required } from './gcs-error.ts';
import { asText, isRecord } from './json.ts';
import { checkPreconditions } from './preconditions.ts';
import { type GcsRequest, parseJsonBody } from './request.ts';
import { type Settable, type StoredObject, settableIn } from './stored-object.ts';

const MOST_SOURCES = 32;

/** https://cloud.google.com/storage/docs/json_api/v1/objects/compose */
export function compose(bucket: Bucket, name: string, request: GcsRequest): StoredObject {
  const body = parseJsonBody(request.body);
  const sources: unknown = isRecord(body) ? body['sourceObjects'] : undefined;
  if (!isRecord(body) || !Array.isArray(sources) || sources.length === 0) throw required('sourceObjects');
  if (sources.length > MOST_SOURCES)
    throw invalid(`The number of source components provided (${sources.length}) exceeds the maximum (${MOST_SOURCES})`);
  const parts = sources.map((source: unknown) => {
    if (!isRecord(source) || typeof source['name'] !== 'string') throw required('sourceObjects.name');
    const generation = source['generation'];
    const found = bucket.get(source['name'], generation === undefined ? undefined : asText(generation));
    const conditions = isRecord(source['objectPreconditions']) ? source['objectPreconditions'] : {};
    const wanted = conditions['ifGenerationMatch'];
    if (wanted !== undefined) checkPreconditions(new URLSearchParams({ ifGenerationMatch: asText(wanted) }), found);
    return found;
  });
  checkPreconditions(request.query, bucket.find(name));
  const settable = settableIn(body['destination'] ?? {}, bucket);
  const count = parts.reduce((sum, part) => sum + (part.componentCount ?? 1), 0);
  const type = settable.contentType ?? parts[0]?.contentType;
  return bucket.insert(
    name,
    Buffer.concat(parts.map((part) => part.content)),
    { ...settable, contentType: type },
    count,
  );
}

/** `rewriteTo` and `copyTo`; a body replaces the metadata. Everything is copied in one go, as the service does within one location. */
export function copy(from: Bucket, source: string, to: Bucket, destination: string, request: GcsRequest): StoredObject {
  const { query } = request;
  const object = from.get(source, query.get('sourceGeneration') ?? undefined);
  checkPreconditions(query, object, 'ifSource');
  checkPreconditions(query, to.find(destination));
  return to.insert(
    destination,
    object.content,
    request.body.length > 0 ? renewed(object, request, to) : inherited(object),
    object.componentCount,
  );
}

function renewed(object: StoredObject, request: GcsRequest, to: Bucket): Settable {
  const settable = settableIn(parseJsonBody(request.body), to);
  return { ...settable, contentType: settable.contentType ?? object.contentType };
}

/** Holds and retention are not copied. */
function inherited(object: StoredObject): Settable {
  const {
    contentType,
    contentEncoding,
    contentDisposition,
    contentLanguage,
    cacheControl,
    customTime,
    storageClass,
    metadata,
  } = object;
  return {
    contentType,
    contentEncoding,
    contentDisposition,
    contentLanguage,
    cacheControl,
    customTime,
    storageClass,
    metadata,
  };
}
