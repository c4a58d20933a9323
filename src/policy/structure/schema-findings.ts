import type { Report } from '../finding.ts';
import { isSchema, type PolicyKind, type Schema } from '../schema-files.ts';
import { keyRange, locate, type PolicyDocument, rangeOf, renderPath, valueRange } from './policy-document.ts';
import { checkUnknownKeys } from './unknown-keys.ts';
import { createSchemaCheck, keyAt, type SchemaCheck, type Violation, violationsByPlace } from './violation.ts';
import { wrongTag, wrongValue } from './wrong-values.ts';

/** Reports how a document departs from its kind's schema, each departure once and where a person would look for it. */
export function checkSchema(document: PolicyDocument, kind: PolicyKind, report: Report): void {
  const check = createSchemaCheck(document, kind, report);
  const places = violationsByPlace(document, kind);
  const renamed = new Set<string>();
  for (const [pointer, violations] of places) {
    if (checkUnknownKeys(check, violations)) renamed.add(pointer);
  }
  for (const [pointer, violations] of places) {
    const parent = pointer.slice(0, Math.max(0, pointer.lastIndexOf('/')));
    checkValues(check, violations, { here: renamed.has(pointer), above: renamed.has(parent) });
  }
}

/** The rest about one place; `renamed` tells whether a key of this or of the enclosing object is misspelt. */
function checkValues(
  check: SchemaCheck,
  violations: readonly Violation[],
  renamed: { readonly here: boolean; readonly above: boolean },
): void {
  const { document, emit, suggested } = check;
  const collapsed = violations.some(({ error }) => error.keyword === 'oneOf');
  let valueReported = false;
  for (const violation of violations) {
    const { error, path, schema } = violation;
    const expected = typeof schema['x-expected'] === 'string' ? schema['x-expected'] : undefined;
    switch (error.keyword) {
      case 'if':
      case 'additionalProperties':
        break;
      case 'required': {
        const missing = String(error.params['missingProperty']);
        const conditional = /\/(?:then|else)\//.test(error.schemaPath);
        if (suggested.has(keyAt(path, missing)) || (renamed.here && conditional)) break;
        missingKey(check, violation, missing, expected);
        break;
      }
      case 'not':
        if (!renamed.above)
          emit(
            'HRD010',
            keyRange(document, path),
            path,
            `contradictory keys in ${renderPath(path.slice(0, -1))}: ${expected ?? 'leave one out'}`,
          );
        break;
      case 'minProperties':
      case 'maxProperties':
        if (!renamed.here) wrongCount(check, violation, expected);
        break;
      case 'discriminator':
        wrongTag(check, violation, violations);
        break;
      case 'uniqueItems': {
        const at = [...path, Math.max(Number(error.params['i']), Number(error.params['j']))];
        emit(
          'HRD009',
          valueRange(document, at),
          at,
          `the same item stands twice in ${renderPath(path)}`,
          'remove one of the two',
        );
        break;
      }
      case 'propertyNames': {
        const key = String(error.params['propertyName']);
        const range = rangeOf(locate(document.yaml, [...path, key])?.key) ?? keyRange(document, path);
        emit('HRD009', range, [...path, key], `a key of ${renderPath(path)} is not allowed`, keyHint(schema));
        break;
      }
      default:
        // Errors about the name of a key come once more as `propertyNames`; those inside a choice are summed up by it.
        if ('propertyName' in error && error.propertyName !== undefined) break;
        if (valueReported || (collapsed && error.keyword !== 'oneOf')) break;
        valueReported = true;
        wrongValue(check, violation, expected);
    }
  }
}

function missingKey(check: SchemaCheck, violation: Violation, missing: string, expected: string | undefined): void {
  const { document, emit } = check;
  const { path } = violation;
  const where = renderPath(path);
  if (path.length === 0) {
    const what = missing === 'apiVersion' ? 'apiVersion: hoard/v1' : missing;
    emit('HRD004', keyRange(document, path), [missing], `the document has no ${missing}`, `add ${what}`);
  } else if (expected === undefined) {
    emit(
      'HRD007',
      keyRange(document, path),
      [...path, missing],
      `${where} has no ${missing}`,
      `add ${missing}${purpose(violation, missing)}`,
    );
  } else {
    emit(
      'HRD007',
      keyRange(document, path),
      [...path, missing],
      `${where} has neither ${expected.replace(' or ', ' nor ')}`,
      `add ${expected}`,
    );
  }
}

function wrongCount(check: SchemaCheck, { error, path, schema }: Violation, expected: string | undefined): void {
  const { document, emit } = check;
  const code = error.keyword === 'maxProperties' ? 'HRD010' : 'HRD007';
  const unknown = Object.keys(isSchema(error.data) ? error.data : {}).some(
    (key) => !isSchema(schema['properties']) || !(key in schema['properties']),
  );
  // An unknown key has been reported already, and is probably the one too many.
  if (unknown) return;
  emit(code, keyRange(document, path), path, `${renderPath(path)} needs ${expected ?? 'another number of keys'}`);
}

function purpose({ schema }: Violation, key: string): string {
  const properties = isSchema(schema['properties']) ? schema['properties'] : {};
  const property = properties[key];
  const description = isSchema(property) ? property['description'] : undefined;
  return typeof description === 'string'
    ? `: ${description.charAt(0).toLowerCase()}${description.slice(1).replace(/\.$/, '')}`
    : '';
}

function keyHint(schema: Schema): string | undefined {
  const names = schema['propertyNames'];
  return isSchema(names) && typeof names['x-expected'] === 'string' ? `expected ${names['x-expected']}` : undefined;
}
