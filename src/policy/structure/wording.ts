import { isSchema } from '../schema-files.ts';
import { printable } from '../text/source-frame.ts';
import { followed, locate, type Path, type PolicyDocument, rangeOf, valueRange } from './policy-document.ts';

const LONGEST_QUOTE = 40;

/** A text from a policy inside quotes, short and printable. */
export function quote(text: string): string {
  const short = text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text;
  return `"${printable(short)}"`;
}

/** What stands at a place, for `…, found X`: a short value itself, of other things only what they are, of secrets nothing. */
export function describeValue(document: PolicyDocument, path: Path, value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (isSchema(value)) return 'a mapping';
  const node = followed(document.yaml, locate(document.yaml, path)?.value);
  const hidden = document.source.isHidden(valueRange(document, path)) || hides(document, node);
  if (hidden) return `a ${typeof value === 'string' ? 'text' : typeof value} that is not shown`;
  return typeof value === 'string' ? quote(value) : JSON.stringify(value);
}

function hides(document: PolicyDocument, node: ReturnType<typeof followed>): boolean {
  const range = rangeOf(node);
  return range !== undefined && document.source.isHidden(range);
}

/** `a, b or c`. */
export function anyOf(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
