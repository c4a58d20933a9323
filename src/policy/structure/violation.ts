import type { ErrorObject } from 'ajv';
import type { DiagnosticCode } from '../diagnostic-codes.ts';
import type { Report } from '../finding.ts';
import { isSchema, type PolicyKind, type Schema } from '../schema-files.ts';
import type { Range } from '../text/policy-source.ts';
import type { Path, PolicyDocument } from './policy-document.ts';
import { violationsOf } from './schema-validator.ts';

/** One error of the validator, with where it is and the part of the schema that it violates. */
export interface Violation {
  readonly error: ErrorObject;
  readonly path: Path;
  readonly schema: Schema;
}

/** What the checks of one document share. */
export interface SchemaCheck {
  readonly document: PolicyDocument;
  readonly kind: PolicyKind;
  readonly emit: (code: DiagnosticCode, range: Range, path: Path, message: string, hint?: string) => void;
  /** Keys that an unknown key was taken for, so that they are not reported as missing too; see `keyAt`. */
  readonly suggested: Set<string>;
}

export function createSchemaCheck(document: PolicyDocument, kind: PolicyKind, report: Report): SchemaCheck {
  return {
    document,
    kind,
    emit: (code, range, path, message, hint) =>
      report({ code, source: document.source, range, message, hint, place: placeOf(document, path, range) }),
    suggested: new Set(),
  };
}

/** All violations, by the JSON pointer of the value that they are about. */
export function violationsByPlace(
  document: PolicyDocument,
  kind: PolicyKind,
): ReadonlyMap<string, readonly Violation[]> {
  const places = new Map<string, Violation[]>();
  // A misspelt kind has been reported; the rest is checked as if it were right.
  const value = isSchema(document.value) ? { ...document.value, kind } : document.value;
  for (const error of violationsOf(kind, value)) {
    const violation = {
      error,
      path: pathOf(error.instancePath, value),
      schema: isSchema(error.parentSchema) ? error.parentSchema : {},
    };
    const group = places.get(error.instancePath);
    if (group) group.push(violation);
    else places.set(error.instancePath, [violation]);
  }
  return places;
}

export function keyAt(path: Path, key: string): string {
  return JSON.stringify([...path, key]);
}

export function keysOf(value: unknown): readonly string[] {
  return isSchema(value) ? Object.keys(value) : [];
}

function pathOf(pointer: string, root: unknown): Path {
  const path: (string | number)[] = [];
  let current = root;
  for (const raw of pointer.split('/').slice(1)) {
    const step = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(current)) {
      path.push(Number(step));
      current = current[Number(step)];
    } else {
      path.push(step);
      current = isSchema(current) ? current[step] : undefined;
    }
  }
  return path;
}

/** Keys at which a secret may hide are left out: a fingerprint of a short secret could be guessed. */
function placeOf(document: PolicyDocument, path: Path, range: Range): string {
  const steps = document.source.isHidden(range) ? path.slice(0, -1) : path;
  return `${document.kind ?? '?'}/${document.name ?? '?'}/${steps.join('/')}`;
}
