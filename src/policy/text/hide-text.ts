import type { PolicySource } from './policy-source.ts';

/** Names under which people write secrets. */
export function looksSecret(key: string): boolean {
  return /pass|pwd|secret|token|cred|key|auth|sas|dsn|conninfo|uri|private/i.test(key);
}

/** Hides user names and passwords in URLs and passwords in query strings and connection strings, wherever they stand. */
export function hideInlinePasswords(source: PolicySource): void {
  for (const match of source.text.matchAll(/:\/\/([^\s"'@]*@)+/g)) {
    hidePart(source, match.index + 3, match[0].length - 4);
  }
  for (const match of source.text.matchAll(
    /\b(?:password|passwd|passphrase|pwd|sslpassword|sig|token|secret)=([^\s&"',}]+)/gi,
  )) {
    const value = match[1] ?? '';
    hidePart(source, match.index + match[0].length - value.length, value.length);
  }
  for (const match of source.text.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY[\s\S]*?(?:-----END [A-Z ]*-----|$)/g)) {
    hidePart(source, match.index, match[0].length);
  }
}

/** Hides what follows a secret-sounding key in comments: policies that were tried out and commented out. */
export function hideInComments(source: PolicySource): void {
  for (const match of source.text.matchAll(/(?:^|\s)#[^\n]*/g)) hideAfterKeys(source, match.index, match[0]);
}

/**
 * For files that are not YAML, where no tree says what is a value: hides everything after a secret-sounding key, and the deeper
 * indented lines below it. References stay readable.
 */
export function hideInBrokenText(source: PolicySource): void {
  let hiddenBelow = Number.POSITIVE_INFINITY;
  for (let line = 1; line <= source.lineCount; line += 1) {
    const { start, end } = source.lineRange(line);
    const text = source.text.slice(start, end);
    if (text.trim() === '') continue;
    const indent = text.length - text.trimStart().length;
    if (indent > hiddenBelow) {
      if (!/^\s*(- )?from(Env|File|Exec)\s*:/.test(text)) hidePart(source, start + indent, text.length - indent);
      continue;
    }
    hiddenBelow = hideAfterKeys(source, start, text) ? indent : Number.POSITIVE_INFINITY;
  }
}

function hideAfterKeys(source: PolicySource, start: number, text: string): boolean {
  for (const match of text.matchAll(/["']?([A-Za-z_-]{2,40})["']?\s*[:=]/g)) {
    if (!looksSecret(match[1] ?? '')) continue;
    const from = match.index + match[0].length;
    const rest = text.slice(from);
    if (!/^\s*\{\s*from(Env|File|Exec)\s*:/.test(rest))
      hidePart(source, start + from + (rest.length - rest.trimStart().length), rest.trim().length);
    return true;
  }
  return false;
}

function hidePart(source: PolicySource, start: number, length: number): void {
  source.hide({ start, end: start + length });
}
