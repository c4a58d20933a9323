/** What `canonicalText` can write; bigint as decimal text. */
export type Canonical =
  | string
  | number
  | boolean
  | bigint
  | undefined
  | readonly Canonical[]
  | { readonly [key: string]: Canonical };

/** JSON with keys in ascending order and without white space: the same value always gives the same text. */
export function canonicalText(value: Canonical): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'bigint') return item.toString();
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
