import { Readable } from 'node:stream';
import type { HttpRequestBody } from '@azure/storage-blob';
import type { Body } from '../remote/driver.ts';

/** What the SDK sends: the pieces as they are, without a copy. */
export function requestBody({ pieces }: Body): HttpRequestBody {
  const [only] = pieces;
  if (only === undefined) return Buffer.alloc(0);
  if (pieces.length === 1) return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
  return () => Readable.from(pieces);
}
