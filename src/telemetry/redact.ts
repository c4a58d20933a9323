/** Takes known secret values and the user part of URLs out of text that is about to leave the process. */
export interface Redactor {
  readonly text: (text: string) => string;
  /** A copy in which every string value is redacted. Keys, numbers and booleans stay, so a document keeps its shape. */
  readonly json: (value: unknown) => unknown;
}

const PLACEHOLDER = '[secret]';

// A shorter value would blank ordinary words and digits everywhere, and protects nothing that a guess would not find.
const SHORTEST = 4;

// scheme://user:password@host: whatever stands between the slashes and the last @ before the host.
const USERINFO = /\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/?#"'<>]*@/gi;

// password=… of a key-value connection string, quoted or not.
const CONNINFO_PASSWORD = /\b(password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s'"]+)/gi;

/**
 * `known` is asked at every call, because secrets are resolved late. Each value is looked for as it is, trimmed, line by line (keys in
 * PEM form), URL-encoded, JSON-escaped, and, where it is a connection string, by its password alone.
 */
export function createRedactor(known: () => Iterable<string>): Redactor {
  const cache = new Map<string, readonly string[]>();
  const formsOf = (value: string): readonly string[] => {
    const cached = cache.get(value);
    if (cached) return cached;
    const forms = secretForms(value);
    cache.set(value, forms);
    return forms;
  };

  const text = (input: string): string => {
    // Longest first, so that a password inside a connection string does not cut the string's own replacement short.
    const forms = [...known()].flatMap(formsOf).sort((a, b) => b.length - a.length);
    let output = input;
    for (const form of forms) output = output.replaceAll(form, PLACEHOLDER);
    return output.replace(USERINFO, `$1${PLACEHOLDER}@`).replace(CONNINFO_PASSWORD, `$1${PLACEHOLDER}`);
  };

  const json = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return value.map(json);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, json(entry)]));
  };

  return { text, json };
}

function secretForms(value: string): readonly string[] {
  const plain = new Set<string>([
    value,
    value.trim(),
    ...value.split('\n').map((line) => line.trim()),
    ...passwordsIn(value),
  ]);
  const forms = new Set<string>();
  for (const each of plain) {
    if (each.length < SHORTEST) continue;
    forms.add(each);
    forms.add(encodeURIComponent(each));
    forms.add(encodeURI(each));
    forms.add(JSON.stringify(each).slice(1, -1));
  }
  return [...forms];
}

function passwordsIn(value: string): readonly string[] {
  const found: string[] = [];
  const authority = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*?:([^/?#]*)@/i.exec(value.trim())?.[1];
  if (authority !== undefined) found.push(authority, decoded(authority));
  for (const match of value.matchAll(CONNINFO_PASSWORD)) {
    found.push((match[2] ?? '').replace(/^'|'$/g, '').replace(/\\(.)/g, '$1'));
  }
  const parameter = /[?&]password=([^&]*)/i.exec(value)?.[1];
  if (parameter !== undefined) found.push(parameter, decoded(parameter));
  return found;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not URL-encoded: then it was written as it is, and that form is known already.
    return text;
  }
}
