import { type Document, isAlias, isMap, LineCounter, parseAllDocuments, visit, type YAMLError } from 'yaml';
import type { Report } from '../finding.ts';
import { nearest } from '../nearest.ts';
import { POLICY_KINDS, type PolicyKind } from '../schema-files.ts';
import { hideLiterals } from '../text/hide-literals.ts';
import { hideInBrokenText, hideInComments, hideInlinePasswords } from '../text/hide-text.ts';
import type { PolicySource, Range } from '../text/policy-source.ts';
import { keyText, nodeOf, type PolicyDocument, rangeOf } from './policy-document.ts';
import { kinds } from './shape.ts';
import { SYNTAX } from './syntax-messages.ts';

// Policies need a handful of aliases at most; each may stand for a large tree.
const MAX_ALIASES = 100;

export interface ParsedSource {
  readonly documents: readonly PolicyDocument[];
  /** Something could not be read, so that names may be missing. */
  readonly incomplete: boolean;
}

/** Splits a source into documents, reports what is wrong with the YAML, and hides literal secrets in the source. */
export function parseDocuments(source: PolicySource, report: Report): ParsedSource {
  hideInlinePasswords(source);
  hideInComments(source);
  const parsed = parse(source);
  if (parsed === undefined) {
    hideInBrokenText(source);
    report({
      code: 'HRD002',
      source,
      range: { start: 0, end: 0 },
      message: 'the YAML is nested too deeply',
      place: 'syntax',
    });
    return { documents: [], incomplete: true };
  }
  const contents = parsed.filter(
    (document) => document.contents !== null && (!isEmpty(document) || document.errors.length > 0),
  );
  if (parsed.some((document) => document.errors.some((error) => error.code !== 'DUPLICATE_KEY')))
    hideInBrokenText(source);
  const documents = contents.map((yaml) => documentOf(source, yaml));
  for (const [index, yaml] of parsed.entries()) {
    for (const problem of [...yaml.errors, ...yaml.warnings]) reportSyntax(source, yaml, problem, index, report);
  }
  for (const document of documents) if (document.value === undefined) reportAliases(document, report);
  return {
    documents,
    incomplete:
      documents.some((document) => document.value === undefined) ||
      parsed.some((yaml) => yaml.contents === null && yaml.errors.length > 0),
  };
}

function parse(source: PolicySource): readonly Document.Parsed[] | undefined {
  try {
    const parsed = parseAllDocuments(source.text, {
      version: '1.2',
      lineCounter: new LineCounter(),
      prettyErrors: false,
      stringKeys: true,
      merge: false,
      logLevel: 'silent',
    });
    return 'empty' in parsed ? [] : parsed;
  } catch (error) {
    // The parser is recursive: only its stack sets a limit to nesting.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function isEmpty(document: Document.Parsed): boolean {
  const range = rangeOf(document.contents);
  return range === undefined || (range.start === range.end && !isMap(document.contents));
}

function documentOf(source: PolicySource, yaml: Document.Parsed): PolicyDocument {
  const broken = yaml.errors.some((error) => error.code !== 'DUPLICATE_KEY');
  const value = broken ? undefined : plainValue(yaml);
  const kind = kindOf(yaml);
  hideLiterals(source, yaml, kind);
  return { source, yaml, range: contentRange(source, yaml), value, kind, name: nameOf(value) };
}

function plainValue(yaml: Document.Parsed): unknown {
  try {
    return yaml.toJS({ maxAliasCount: MAX_ALIASES }) ?? null;
  } catch (error) {
    // Unknown, circular and too many aliases; and trees that nest deeper than the stack.
    if (error instanceof ReferenceError || error instanceof RangeError) return undefined;
    throw error;
  }
}

function kindOf(yaml: Document.Parsed): PolicyKind | undefined {
  const written = isMap(yaml.contents) ? yaml.contents.get('kind') : undefined;
  return typeof written === 'string' ? knownKind(written) : undefined;
}

/** The kind of this name, or the one that was probably meant. */
function knownKind(written: string): PolicyKind | undefined {
  const name = written in POLICY_KINDS ? written : nearest(written, kinds());
  return kinds().find((kind) => kind === name);
}

function nameOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('metadata' in value)) return undefined;
  const { metadata } = value;
  if (typeof metadata !== 'object' || metadata === null || !('name' in metadata)) return undefined;
  const { name } = metadata;
  return typeof name === 'string' && /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name) ? name : undefined;
}

function contentRange(source: PolicySource, yaml: Document.Parsed): Range {
  const content = rangeOf(yaml.contents);
  const start = content?.start ?? yaml.range[0];
  // What broke a document may lie behind its content.
  if (yaml.errors.length > 0) return { start, end: Math.max(start, yaml.range[2]) };
  const end = Math.max(start, content?.end ?? yaml.range[1]);
  return { start, end: start + source.text.slice(start, end).trimEnd().length };
}

function reportSyntax(
  source: PolicySource,
  yaml: Document.Parsed,
  problem: YAMLError,
  index: number,
  report: Report,
): void {
  const range = { start: problem.pos[0], end: Math.max(problem.pos[0], Math.min(problem.pos[1], source.text.length)) };
  const place = `document ${index}/${problem.code}`;
  if (problem.code === 'DUPLICATE_KEY') {
    const key = keyRangeAt(yaml, problem.pos[0]) ?? range;
    const text = source.isHidden(key) ? 'a key' : `the key "${source.text.slice(key.start, key.end)}"`;
    report({
      code: 'HRD003',
      source,
      range: key,
      message: `${text} stands twice in the same mapping`,
      hint: 'remove or merge one of the two',
      place,
    });
    return;
  }
  const [message, hint] = SYNTAX[problem.code];
  report({ code: 'HRD002', source, range, message, hint, place });
}

/** The parser reports a duplicate at the start of the key's text; the node there tells how long it is. */
function keyRangeAt(yaml: Document.Parsed, offset: number): Range | undefined {
  let found: Range | undefined;
  visit(yaml, {
    Pair(_, pair) {
      const range = rangeOf(nodeOf(pair.key));
      if (range?.start === offset && keyText(pair) !== undefined) found = range;
      return found ? visit.BREAK : undefined;
    },
  });
  return found;
}

function reportAliases(document: PolicyDocument, report: Report): void {
  if (document.yaml.errors.length > 0) return;
  const { source, yaml } = document;
  let first: Range | undefined;
  let unresolved: Range | undefined;
  visit(yaml, {
    Alias(_, alias) {
      first ??= rangeOf(alias);
      if (!isAlias(alias) || alias.resolve(yaml) !== undefined) return undefined;
      unresolved = rangeOf(alias);
      return visit.BREAK;
    },
  });
  const message = unresolved
    ? 'the alias names an anchor that is not set before it'
    : first
      ? `aliases contain themselves or stand for more than ${MAX_ALIASES} copies`
      : 'the YAML is nested too deeply';
  report({
    code: 'HRD002',
    source,
    range: unresolved ?? first ?? document.range,
    message,
    hint: 'write the values out',
    place: 'aliases',
  });
}
