import { Failure } from '../../domain/failure.ts';
import type { ObjectInfo } from '../object-store.ts';

/** An object resource of the JSON API, as far as the driver needs it. */
export interface GcsObject {
  readonly key: string;
  readonly size: number;
  /** When this generation was made; `updated` moves with every change of metadata, a hold for example. */
  readonly storedAt: number;
  readonly generation: string;
  /** Base64 of the big-endian CRC32C; never absent on an object of the service, whatever way it was uploaded. */
  readonly crc32c: string | undefined;
  /** The `hoard-upload` metadata: which put it came from. */
  readonly token: string | undefined;
  /** Until when bucket or object retention forbids removing it. */
  readonly retainedUntil: number | undefined;
}

export const TOKEN = 'hoard-upload';

/** What requests ask for, so that answers are small. */
export const OBJECT_FIELDS = 'name,size,generation,timeCreated,crc32c,metadata,retentionExpirationTime,retention';

/** The resource in an answer; what is not one is an answer that got damaged on its way, or not the service's. */
export function parseObject(value: unknown): GcsObject {
  const fields = record(value);
  const name = text(fields['name']);
  const size = text(fields['size']);
  const storedAt = time(fields['timeCreated']);
  if (name === undefined || size === undefined || !/^\d{1,15}$/.test(size) || storedAt === undefined) {
    throw new Failure('store.unavailable', { message: 'the answer of Google Cloud Storage describes no object' });
  }
  const until = [time(fields['retentionExpirationTime']), time(record(fields['retention'])['retainUntilTime'])];
  const known = until.filter((each) => each !== undefined);
  return {
    key: name,
    size: Number(size),
    storedAt,
    generation: text(fields['generation']) ?? '',
    crc32c: text(fields['crc32c']),
    token: text(record(fields['metadata'])[TOKEN]),
    retainedUntil: known.length === 0 ? undefined : Math.max(...known),
  };
}

export function infoOf(object: GcsObject): ObjectInfo {
  return { key: object.key, size: object.size, storedAt: object.storedAt };
}

/** The form in which the service writes a CRC32C. */
export function encodeCrc32c(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc >>> 0);
  return bytes.toString('base64');
}

/** The fields of a JSON object; none where it is not one. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function time(value: unknown): number | undefined {
  const parsed = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(parsed) ? undefined : parsed;
}
