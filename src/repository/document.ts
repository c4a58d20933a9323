import { createHash } from 'node:crypto';
import { Failure } from '../domain/failure.ts';
import { Fields } from './fields.ts';

/**
 * The small JSON objects of a repository: indented, so that people can read them, and sealed: the line before the closing brace
 * holds the SHA-256 of all bytes before that line, so that any damage is noticed. By hand: `head -n -2 backup.json | sha256sum`.
 */

/** Written by this version. Readers accept every 1.x and refuse another major version. */
export const FORMAT_VERSION = '1.0';

const READABLE_MAJOR = '1';

export type DocumentKind = 'repository' | 'site' | 'backup' | 'hold' | 'proof' | 'lease';

const SEAL = /^( {2}"checksum": ")([0-9a-f]{64})("\n\}\n)$/;
const SEAL_LENGTH = '  "checksum": ""\n}\n'.length + 64;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export function sealDocument(kind: DocumentKind, body: Readonly<Record<string, unknown>>): Uint8Array {
  const text = JSON.stringify({ formatVersion: FORMAT_VERSION, kind, ...body }, null, 2);
  const sealed = Buffer.from(`${text.slice(0, -'\n}'.length)},\n`);
  return Buffer.concat([sealed, Buffer.from(`  "checksum": "${sha256(sealed)}"\n}\n`)]);
}

/**
 * The fields of a sealed document, after its checksum, version and kind were checked. `object.corrupt` where a byte is not as
 * it was written, `repository.foreign` where a version of another major number wrote it.
 */
export function openDocument(kind: DocumentKind, bytes: Uint8Array, where: string): Fields {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sealed = buffer.subarray(0, Math.max(0, buffer.length - SEAL_LENGTH));
  const seal = SEAL.exec(buffer.subarray(sealed.length).toString('latin1'));
  if (seal?.[2] !== sha256(sealed)) {
    throw new Failure('object.corrupt', {
      message: `${where} is damaged: its ${buffer.length} bytes do not end with their checksum`,
    });
  }
  const fields = new Fields(parseJson(buffer, where), where);
  requireVersion(fields, where);
  fields.oneOf('kind', [kind]);
  return fields;
}

/** Refuses a format of another major version. */
export function requireVersion(fields: Fields, where: string): void {
  const version = fields.text('formatVersion', 16);
  const match = /^(\d{1,6})\.\d{1,6}$/.exec(version);
  if (match?.[1] === READABLE_MAJOR) return;
  throw new Failure('repository.foreign', {
    message: `${where} has format version "${version}"; this hoard reads version ${READABLE_MAJOR}`,
    hint: 'use the hoard that wrote it, or a newer one',
  });
}

export function parseJson(bytes: Buffer, where: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new Failure('object.corrupt', { message: `${where} is not JSON`, cause: error });
  }
}
