/** `fields=nextPageToken,items(name,size),metadata/color`: https://cloud.google.com/storage/docs/json_api#partial-response */
type Mask = Map<string, Mask | undefined>;

export function maskFields(value: unknown, fields: string | undefined): unknown {
  if (fields === undefined || fields === '' || fields === '*') return value;
  return apply(value, parse(fields));
}

function parse(fields: string): Mask {
  const mask: Mask = new Map();
  let depth = 0;
  let start = 0;
  for (let at = 0; at <= fields.length; at += 1) {
    const char = fields[at] ?? ',';
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (char !== ',' || depth > 0) continue;
    const field = fields.slice(start, at).trim();
    start = at + 1;
    if (field !== '') add(mask, field);
  }
  return mask;
}

function add(mask: Mask, field: string): void {
  const [, name = field, rest] = /^([^/(]+)(.*)$/s.exec(field) ?? [];
  if (rest === undefined || rest === '') mask.set(name, undefined);
  else mask.set(name, parse(rest.startsWith('/') ? rest.slice(1) : rest.slice(1, -1)));
}

function apply(value: unknown, mask: Mask): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => apply(item, mask));
  if (typeof value !== 'object' || value === null) return value;
  const kept: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    if (!mask.has(name) && !mask.has('*')) continue;
    const below = mask.get(name) ?? mask.get('*');
    kept[name] = below === undefined ? inner : apply(inner, below);
  }
  return kept;
}
