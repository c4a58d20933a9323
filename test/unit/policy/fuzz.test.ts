import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  parseAllDocuments,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { LoadedPolicies } from '../../../src/policy/load-policies.ts';
import { brief, check } from './check-text.ts';

const EXAMPLES = ['production.yaml', 'quickstart/policies/hoard.yaml'].map((name) =>
  readFileSync(new URL(`../../../examples/${name}`, import.meta.url), 'utf8'),
);

/** Every diagnostic lies in the text and is complete; there is either a result or an error. */
function expectSound(text: string, { diagnostics, desired, documents }: LoadedPolicies): void {
  const lines = text.split('\n');
  for (const diagnostic of diagnostics) {
    const { line, column, endLine, endColumn, message, frame } = diagnostic;
    expect(line, brief(diagnostic)).toBeLessThanOrEqual(lines.length);
    expect(column, brief(diagnostic)).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1);
    expect(endLine > line || (endLine === line && endColumn >= column), brief(diagnostic)).toBe(true);
    expect(endLine, brief(diagnostic)).toBeLessThanOrEqual(lines.length);
    expect(message).toMatch(/^\S.*[^.]$/);
    expect(
      frame?.lines.some(({ number }) => number === line),
      brief(diagnostic),
    ).toBe(true);
    expect(frame?.to ?? 0).toBeGreaterThan(frame?.from ?? 0);
  }
  expect(desired === undefined).toBe(diagnostics.some(({ severity }) => severity === 'error'));
  for (const document of documents) expect(document.endLine).toBeGreaterThanOrEqual(document.line);
}

type Place = { readonly collection: YAMLMap | YAMLSeq; readonly index: number };

function placesIn(document: Document): readonly Place[] {
  const places: Place[] = [];
  visit(document, {
    Collection(_, collection) {
      if (isMap(collection) || isSeq(collection))
        for (const index of collection.items.keys()) places.push({ collection, index });
    },
  });
  return places;
}

type Change =
  | { readonly kind: 'delete' }
  | { readonly kind: 'rename'; readonly to: string }
  | { readonly kind: 'retype'; readonly to: unknown }
  | { readonly kind: 'repeat' };

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    '',
    [],
    {},
    [[]],
    { a: { b: [1] } },
    '14d',
    '10GiB',
    'all',
    '1e9',
    '__proto__',
    { __proto__x: 1 },
  ),
  fc.string({ maxLength: 20 }),
  fc.jsonValue({ maxDepth: 2 }),
);

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.constant<Change>({ kind: 'delete' }),
  fc.record({
    kind: fc.constant('rename' as const),
    to: fc.oneof(
      fc.string({ minLength: 1, maxLength: 10 }),
      fc.constantFrom('spec', 'kind', 'name', 'every', 'uri', '__proto__', 'constructor', '<<'),
    ),
  }),
  fc.record({ kind: fc.constant('retype' as const), to: odd }),
  fc.constant<Change>({ kind: 'repeat' }),
);

function apply(document: Document, { collection, index }: Place, how: Change): void {
  const item: unknown = collection.items[index];
  switch (how.kind) {
    case 'delete':
      collection.items.splice(index, 1);
      return;
    case 'repeat':
      (collection.items as unknown[]).push(item);
      return;
    case 'rename':
      if (isPair(item) && isScalar(item.key)) item.key.value = how.to;
      return;
    case 'retype':
      if (isPair(item)) item.value = document.createNode(how.to);
      else (collection.items as unknown[])[index] = document.createNode(how.to);
  }
}

function isPair(item: unknown): item is Pair {
  return typeof item === 'object' && item !== null && 'key' in item;
}

describe('documents that were changed', () => {
  it.each(EXAMPLES.map((text) => [text.split('\n')[0], text] as const))(
    'are never more than diagnosed: %s',
    (_, text) => {
      fc.assert(
        fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(), change), { minLength: 1, maxLength: 4 }), (changes) => {
          const documents = parseAllDocuments(text);
          for (const [which, where, how] of changes) {
            const document = documents[which % documents.length];
            const places = document ? placesIn(document) : [];
            const place = places[where % Math.max(1, places.length)];
            if (document && place) apply(document, place, how);
          }
          const changed = documents.map((document) => document.toString({ directives: null })).join('---\n');
          expectSound(changed, check(changed));
        }),
        { numRuns: 250 },
      );
    },
  );

  it('a deleted, renamed or retyped required key always gives an error', () => {
    const text = EXAMPLES[1] ?? '';
    for (const key of [
      'apiVersion',
      'kind',
      'metadata',
      'name',
      'spec',
      'storage',
      'type',
      'directory',
      'policy',
      'repositories',
      'connections',
      'fromEnv',
    ]) {
      for (const replacement of ['', `x${key}`]) {
        const changed =
          replacement === ''
            ? text.replace(new RegExp(`^( *-? ?)${key}:.*$`, 'm'), '$1')
            : text.replace(new RegExp(`(^[^#\n]*\\b)${key}:`, 'm'), `$1${replacement}:`);
        if (changed === text) continue;
        const result = check(changed);
        expectSound(changed, result);
        expect(result.desired, `${key} -> ${replacement}`).toBeUndefined();
      }
    }
  });
});

describe('texts that were damaged', () => {
  it('are never more than diagnosed', () => {
    const pieces = fc.constantFrom(
      '',
      ' ',
      '\n',
      '\t',
      ':',
      '"',
      "'",
      '{',
      '}',
      '[',
      ']',
      '- ',
      '#',
      '---\n',
      '...\n',
      '&a ',
      '*a',
      '!!int ',
      '|\n',
      '>',
      '\u0000',
      '\ud800',
      '%YAML 1.1\n',
      '? ',
      '\r',
      '\u2028',
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...EXAMPLES),
        fc.array(fc.tuple(fc.nat(), fc.nat(12), pieces), { minLength: 1, maxLength: 5 }),
        (text, cuts) => {
          let damaged = text;
          for (const [at, length, piece] of cuts) {
            const start = at % (damaged.length + 1);
            damaged = damaged.slice(0, start) + piece + damaged.slice(start + length);
          }
          expectSound(damaged, check(damaged));
        },
      ),
      { numRuns: 250 },
    );
  });

  it('may be anything at all', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expectSound(text, check(text));
      }),
      { numRuns: 300 },
    );
  });
});
