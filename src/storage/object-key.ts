import { Failure } from '../domain/failure.ts';

/** S3, Azure and Swift allow 1,024 bytes a key; common file systems 255 a name. */
const MAX_KEY = 1024;
const MAX_SEGMENT = 255;

const SEGMENT = /^[A-Za-z0-9._-]+$/;

/** `undefined` where `key` can be an object's key in every backend, else what is wrong with it. */
function keyProblem(key: string): string | undefined {
  if (key.length > MAX_KEY) return `is longer than ${MAX_KEY} bytes`;
  for (const segment of key.split('/')) {
    if (segment === '') return 'has an empty segment';
    if (segment === '.' || segment === '..') return `has the segment "${segment}"`;
    if (segment.length > MAX_SEGMENT) return `has a segment longer than ${MAX_SEGMENT} bytes`;
    if (!SEGMENT.test(segment)) return 'has characters other than A-Z a-z 0-9 . _ - and /';
  }
  return undefined;
}

/** True where an object of this name can be one of ours; other names in a listing are skipped. */
export function isKey(name: string): boolean {
  return keyProblem(name) === undefined;
}

/** True where a name may be one segment of a key; backends that list directories skip other names. */
export function isKeySegment(name: string): boolean {
  return !name.includes('/') && keyProblem(name) === undefined;
}

/** Throws `value.invalid` where the key breaks the rules of ObjectStore. */
export function checkKey(key: string): void {
  const problem = keyProblem(key);
  if (problem !== undefined) throw new Failure('value.invalid', { message: `the object key ${quote(key)} ${problem}` });
}

/** As checkKey for a string prefix: '' and a prefix that ends in the middle of a segment are fine. */
export function checkPrefix(prefix: string): void {
  // The unfinished last segment is completed to one that is certainly valid, so that only its characters count.
  const problem = prefix.length > MAX_KEY ? keyProblem(prefix) : keyProblem(`${prefix}_`);
  if (problem !== undefined)
    throw new Failure('value.invalid', { message: `the key prefix ${quote(prefix)} ${problem}` });
}

/** Throws `value.invalid` unless both are whole numbers of at least 0. */
export function checkRange(range: { readonly offset: number; readonly length: number } | undefined): void {
  if (range === undefined) return;
  const end = range.offset + range.length;
  if (Number.isSafeInteger(range.offset) && range.offset >= 0 && range.length >= 0 && Number.isSafeInteger(end)) return;
  throw new Failure('value.invalid', { message: `not a byte range: offset ${range.offset}, length ${range.length}` });
}

const quote = (text: string): string => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
