import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type Node, type Pair } from 'yaml';
import type { PolicyKind } from '../schema-files.ts';
import type { PolicySource, Range } from '../text/policy-source.ts';

/** Keys and list positions from the document's root. */
export type Path = readonly (string | number)[];

/** One YAML document of a policy file. */
export interface PolicyDocument {
  readonly source: PolicySource;
  readonly yaml: Document.Parsed;
  /** From the first to after the last character of its content. */
  readonly range: Range;
  /** As plain data; undefined where the YAML is broken. */
  readonly value: unknown;
  /** As written, or the one that was probably meant; undefined where neither is known. */
  readonly kind: PolicyKind | undefined;
  /** metadata.name where it is a usable name. */
  readonly name: string | undefined;
}

export interface Located {
  /** The pair's key; undefined for the root and for items of lists. */
  readonly key: Node | undefined;
  /** Undefined where a key stands without anything after it. */
  readonly value: Node | undefined;
}

/** Finds a node; undefined where the path leads nowhere. Aliases are followed. */
export function locate(yaml: Document.Parsed, path: Path): Located | undefined {
  let found: Located = { key: undefined, value: yaml.contents ?? undefined };
  for (const step of path) {
    const parent = followed(yaml, found.value);
    if (isMap(parent)) {
      const pair = pairOf(parent.items, String(step));
      if (!pair) return undefined;
      found = { key: nodeOf(pair.key), value: nodeOf(pair.value) };
    } else if (isSeq(parent) && typeof step === 'number') {
      found = { key: undefined, value: nodeOf(parent.items[step]) };
    } else {
      return undefined;
    }
  }
  return found;
}

/** The range to point at for a key: the key itself, of an item without one its value, of the root its first key. */
export function keyRange(document: PolicyDocument, path: Path): Range {
  const located = locate(document.yaml, path);
  if (located?.key) return rangeOf(located.key) ?? document.range;
  const value = followed(document.yaml, located?.value);
  const first = isMap(value) ? nodeOf(value.items[0]?.key) : undefined;
  return rangeOf(first) ?? rangeOf(value) ?? fallback(document, path);
}

/** The range to point at for a value; where there is none, or nothing is written, its key's. */
export function valueRange(document: PolicyDocument, path: Path): Range {
  const located = locate(document.yaml, path);
  const range = rangeOf(located?.value);
  return range && range.end > range.start ? range : keyRange(document, path);
}

function fallback(document: PolicyDocument, path: Path): Range {
  return path.length === 0
    ? { start: document.range.start, end: document.range.start }
    : keyRange(document, path.slice(0, -1));
}

export function rangeOf(node: Node | null | undefined): Range | undefined {
  return node?.range ? { start: node.range[0], end: node.range[1] } : undefined;
}

export function followed(yaml: Document.Parsed, node: Node | undefined): Node | undefined {
  return isAlias(node) ? node.resolve(yaml) : node;
}

export function nodeOf(value: unknown): Node | undefined {
  return isNode(value) ? value : undefined;
}

/** The last pair with this key: the one that counts where a key stands twice. */
function pairOf(pairs: readonly Pair[], key: string): Pair | undefined {
  return pairs.findLast((pair) => keyText(pair) === key);
}

export function keyText(pair: Pair): string | undefined {
  return isScalar(pair.key) ? String(pair.key.value) : undefined;
}

/** `spec.connections[0].password`; keys that are not plain words are quoted. */
export function renderPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\w-]{1,64}$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += '.…';
  }
  return text === '' ? 'the document' : text;
}
