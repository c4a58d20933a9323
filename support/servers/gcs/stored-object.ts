import { createHash } from 'node:crypto';
import type { Bucket } from './bucket.ts';
import { invalid } from './gcs-error.ts';
import { asText, isRecord } from './json.ts';

/** What a client may say about an object. */
export interface Settable {
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly contentLanguage?: string | undefined;
  readonly cacheControl?: string | undefined;
  readonly customTime?: string | undefined;
  readonly storageClass?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly temporaryHold?: boolean | undefined;
  readonly eventBasedHold?: boolean | undefined;
  readonly retention?: { readonly mode: 'Locked' | 'Unlocked'; readonly retainUntilTime: string } | undefined;
}

export interface StoredObject extends Settable {
  readonly name: string;
  readonly content: Buffer;
  readonly crc32c: string;
  readonly md5Hash: string | undefined;
  readonly componentCount: number | undefined;
  readonly generation: number;
  readonly metageneration: number;
  readonly timeCreated: number;
  readonly updated: number;
  readonly timeDeleted: number | undefined;
  /** When its last event-based hold was released: from then on the bucket's retention counts. */
  readonly released: number | undefined;
}

const TEXTS = [
  'contentType',
  'contentEncoding',
  'contentDisposition',
  'contentLanguage',
  'cacheControl',
  'customTime',
  'storageClass',
] as const;

/** What PUT makes of the fields that it does not name: it replaces the whole resource, unlike PATCH. */
export const UNSET: Settable = {
  ...Object.fromEntries(TEXTS.filter((name) => name !== 'storageClass').map((name) => [name, undefined])),
  metadata: undefined,
  temporaryHold: undefined,
  eventBasedHold: undefined,
  retention: undefined,
};

/** The merge of PATCH: keys are added and replaced, a null takes one away, and null for the whole takes all. */
export function patchedMetadata(before: Settable['metadata'], resource: unknown): Settable['metadata'] {
  const patch = isRecord(resource) ? resource['metadata'] : undefined;
  if (patch === null) return undefined;
  if (!isRecord(patch)) return before;
  const merged = new Map(Object.entries(before ?? {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, asText(value));
  }
  return merged.size === 0 ? undefined : Object.fromEntries(merged);
}

/** The writable fields of an object resource; a null takes a field away (PATCH). Fields that only the service sets are ignored, as there. */
export function settableIn(resource: unknown, bucket: Bucket): { -readonly [K in keyof Settable]: Settable[K] } {
  if (!isRecord(resource)) throw invalid('Parse Error');
  const settable: { -readonly [K in keyof Settable]: Settable[K] } = {};
  for (const name of TEXTS) {
    const value = resource[name];
    if (value === null) settable[name] = undefined;
    else if (typeof value === 'string') settable[name] = value;
  }
  for (const name of ['temporaryHold', 'eventBasedHold'] as const) {
    const value = resource[name];
    if (typeof value === 'boolean') settable[name] = value;
  }
  if (isRecord(resource['metadata'])) {
    settable.metadata = Object.fromEntries(
      Object.entries(resource['metadata']).flatMap(([key, value]) => (value === null ? [] : [[key, asText(value)]])),
    );
  }
  const retention = resource['retention'];
  if (retention === null) settable.retention = undefined;
  if (isRecord(retention)) {
    if (bucket.options.objectRetention !== true) throw invalid('Object retention is not enabled for the bucket.');
    const { mode, retainUntilTime } = retention;
    if (
      (mode !== 'Locked' && mode !== 'Unlocked') ||
      typeof retainUntilTime !== 'string' ||
      Number.isNaN(Date.parse(retainUntilTime))
    ) {
      throw invalid('Invalid retention.');
    }
    settable.retention = { mode, retainUntilTime };
  }
  return settable;
}

/** Changes with the content and with the metadata. */
export const etagOf = ({ generation, metageneration }: StoredObject): string =>
  createHash('md5').update(`${generation}/${metageneration}`).digest('base64').slice(0, 12);

/** The object resource: https://cloud.google.com/storage/docs/json_api/v1/objects#resource */
export function resourceOf(bucket: Bucket, object: StoredObject, base: string): Readonly<Record<string, unknown>> {
  const path = `${base}/storage/v1/b/${encodeURIComponent(bucket.name)}/o/${encodeURIComponent(object.name)}`;
  const download = path.replace('/storage/v1/', '/download/storage/v1/');
  const iso = (time: number): string => new Date(time).toISOString();
  const expires = bucket.retentionExpires(object);
  const { content, timeDeleted, generation, metageneration, timeCreated, updated, released: _, ...rest } = object;
  return {
    kind: 'storage#object',
    id: `${bucket.name}/${object.name}/${generation}`,
    selfLink: path,
    mediaLink: `${download}?generation=${generation}&alt=media`,
    bucket: bucket.name,
    ...rest,
    storageClass: object.storageClass ?? 'STANDARD',
    size: String(content.length),
    generation: String(generation),
    metageneration: String(metageneration),
    etag: etagOf(object),
    timeCreated: iso(timeCreated),
    updated: iso(updated),
    timeStorageClassUpdated: iso(timeCreated),
    timeFinalized: iso(timeCreated),
    ...(timeDeleted !== undefined && { timeDeleted: iso(timeDeleted) }),
    ...(expires !== undefined && { retentionExpirationTime: iso(expires) }),
  };
}
