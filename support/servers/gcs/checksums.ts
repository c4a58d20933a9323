import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { invalid } from './gcs-error.ts';

export interface Checksums {
  readonly crc32c: string;
  /** Absent on composite objects. */
  readonly md5Hash: string | undefined;
}

export function checksumsOf(content: Uint8Array): Checksums & { readonly md5Hash: string } {
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32c(content) >>> 0);
  return { crc32c: crc.toString('base64'), md5Hash: createHash('md5').update(content).digest('base64') };
}

export interface ExpectedChecksums {
  readonly crc32c?: string | undefined;
  readonly md5Hash?: string | undefined;
}

/** `x-goog-hash: crc32c=…,md5=…` */
export function expectedIn(header: string | readonly string[] | undefined): ExpectedChecksums {
  const value = [header ?? ''].flat().join(',');
  return {
    crc32c: /(?:^|,)\s*crc32c=([^,\s]+)/.exec(value)?.[1],
    md5Hash: /(?:^|,)\s*md5=([^,\s]+)/.exec(value)?.[1],
  };
}

export function verify(content: Uint8Array, expected: ExpectedChecksums): void {
  if (expected.crc32c === undefined && expected.md5Hash === undefined) return;
  const found = checksumsOf(content);
  if (expected.crc32c !== undefined && expected.crc32c !== found.crc32c) {
    throw invalid(`Provided CRC32C "${expected.crc32c}" doesn't match calculated CRC32C "${found.crc32c}".`);
  }
  if (expected.md5Hash !== undefined && expected.md5Hash !== found.md5Hash) {
    throw invalid(`Provided MD5 hash "${expected.md5Hash}" doesn't match calculated MD5 hash "${found.md5Hash}".`);
  }
}
