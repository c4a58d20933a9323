import type { Bucket } from './bucket.ts';
import { invalid } from './gcs-error.ts';
import { resourceOf, type StoredObject } from './stored-object.ts';

const LARGEST_PAGE = 1000;

interface Entry {
  readonly name: string;
  readonly isPrefix: boolean;
}

/** https://cloud.google.com/storage/docs/json_api/v1/objects/list; a page counts objects and prefixes together. */
export function listObjects(bucket: Bucket, query: URLSearchParams, base: string): unknown {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const versions = query.get('versions') === 'true';
  const limit = pageSize(query.get('maxResults'));
  const after = decodeToken(query.get('pageToken'));
  const startOffset = query.get('startOffset') ?? '';
  const endOffset = query.get('endOffset') ?? '';
  const withTrailing = query.get('includeTrailingDelimiter') === 'true';

  const items: StoredObject[] = [];
  const prefixes: string[] = [];
  let last: Entry | undefined;
  let more = false;
  const names = bucket.sorted(versions);
  const begin = [prefix, startOffset, after?.name ?? ''].reduce((a, b) => (compare(a, b) < 0 ? b : a));
  for (let at = firstNotBelow(names, begin); at < names.length; at += 1) {
    const name = names[at] ?? '';
    if (!name.startsWith(prefix)) {
      if (compare(name, prefix) > 0) break;
      continue;
    }
    if (endOffset !== '' && compare(name, endOffset) >= 0) break;
    const cut = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
    const group = cut < 0 ? undefined : name.slice(0, cut + delimiter.length);
    // What an earlier page has given: the last name of it, or all below its last prefix.
    if (after !== undefined && (after.isPrefix ? name.startsWith(after.name) : name === after.name)) continue;
    const isNew = group === undefined || prefixes.at(-1) !== group;
    const alsoItem = group === undefined || (withTrailing && name === group);
    if (!isNew && !alsoItem) continue;
    const found = alsoItem ? (versions ? bucket.versions(name) : [bucket.get(name)]) : [];
    if (items.length + prefixes.length >= limit) {
      more = true;
      break;
    }
    if (group !== undefined && isNew) prefixes.push(group);
    items.push(...found);
    last = group === undefined ? { name, isPrefix: false } : { name: group, isPrefix: true };
  }
  return {
    kind: 'storage#objects',
    ...(more && last !== undefined && { nextPageToken: Buffer.from(JSON.stringify(last)).toString('base64') }),
    ...(prefixes.length > 0 && { prefixes }),
    ...(items.length > 0 && { items: items.map((object) => resourceOf(bucket, object, base)) }),
  };
}

function pageSize(value: string | null): number {
  if (value === null) return LARGEST_PAGE;
  if (!/^\d{1,10}$/.test(value)) throw invalid(`Invalid value '${value}' for maxResults`);
  return Math.min(Number(value) || LARGEST_PAGE, LARGEST_PAGE);
}

function decodeToken(token: string | null): Entry | undefined {
  if (token === null || token === '') return undefined;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, 'base64').toString('utf8'));
    if (typeof parsed === 'object' && parsed !== null && 'name' in parsed && typeof parsed.name === 'string') {
      return { name: parsed.name, isPrefix: 'isPrefix' in parsed && parsed.isPrefix === true };
    }
  } catch {
    // Not one of ours either way.
  }
  throw invalid('Invalid page token.');
}

function firstNotBelow(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(names[middle] ?? '', name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
