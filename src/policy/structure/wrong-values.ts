import type { ErrorObject } from 'ajv';
import { nearest } from '../nearest.ts';
import { isSchema, type Schema } from '../schema-files.ts';
import { renderPath, valueRange } from './policy-document.ts';
import { tagValues } from './schema-validator.ts';
import type { SchemaCheck, Violation } from './violation.ts';
import { anyOf, describeValue } from './wording.ts';

/** The tag of a choice, for example the type of a storage, is none of the known ones. */
export function wrongTag(
  check: SchemaCheck,
  { error, path, schema }: Violation,
  violations: readonly Violation[],
): void {
  const { document, kind, emit } = check;
  const tag = String(error.params['tag']);
  const value: unknown = error.params['tagValue'];
  // Reported as a missing or misspelt key.
  if (value === undefined && violations.some((other) => other.error.keyword === 'required')) return;
  const possible = tagValues(kind, schema, tag);
  const at = [...path, tag];
  const meant = typeof value === 'string' ? nearest(value, possible) : undefined;
  emit(
    'HRD009',
    valueRange(document, at),
    at,
    `${renderPath(at)}: expected ${anyOf(possible)}, found ${describeValue(document, at, value)}`,
    meant === undefined ? undefined : `did you mean ${meant}?`,
  );
}

/** A value of the wrong type or form; at a place for secrets a literal. */
export function wrongValue(check: SchemaCheck, { error, path, schema }: Violation, expected: string | undefined): void {
  const { document, emit } = check;
  const where = renderPath(path);
  const range = valueRange(document, path);
  const value: unknown = error.data;
  if (schema['x-secret'] === true && value !== null && !isSchema(value)) {
    emit(
      'HRD011',
      range,
      path,
      `${where} holds a literal value where a reference to a secret belongs`,
      'write { fromEnv: NAME }, { fromFile: path } or { fromExec: [program, argument] }, and change the secret if it was ever committed',
    );
    return;
  }
  if (path.length === 1 && path[0] === 'apiVersion') {
    emit(
      'HRD004',
      range,
      path,
      `apiVersion is ${describeValue(document, path, value)}, which this version does not know`,
      'write apiVersion: hoard/v1',
    );
    return;
  }
  const possible = choices(schema);
  const wanted = possible.length > 0 ? anyOf(possible) : (expected ?? plainExpectation(error, schema));
  const meant = typeof value === 'string' && !document.source.isHidden(range) ? nearest(value, possible) : undefined;
  const code = error.keyword === 'type' ? 'HRD008' : 'HRD009';
  emit(
    code,
    range,
    path,
    `${where}: expected ${wanted}, found ${describeValue(document, path, value)}`,
    meant === undefined ? undefined : `did you mean ${meant}?`,
  );
}

function choices(schema: Schema): readonly string[] {
  const possible = Array.isArray(schema['enum']) ? schema['enum'] : [schema['const']];
  return possible.filter((value) => typeof value === 'string' || typeof value === 'number').map(String);
}

const TYPES: Readonly<Record<string, string>> = {
  object: 'a mapping',
  array: 'a list',
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

function plainExpectation(error: ErrorObject, schema: Schema): string {
  const type = schema['type'];
  if (error.keyword === 'type' && typeof type === 'string') return TYPES[type] ?? type;
  return error.message ?? 'another value';
}
