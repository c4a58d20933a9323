import { type Duration, parseDuration } from '../../domain/duration.ts';
import { isFailure } from '../../domain/failure.ts';
import { isSchema } from '../schema-files.ts';
import type { Path, PolicyDocument } from '../structure/policy-document.ts';

// Meaning is checked even where the schema found mistakes, so that all mistakes are told at once. What has the wrong type has
// been reported; here it is as if it were not there.

export function valueAt(document: PolicyDocument, path: Path): unknown {
  let current = document.value;
  for (const step of path) {
    if (Array.isArray(current)) current = current[Number(step)];
    else current = isSchema(current) && Object.hasOwn(current, step) ? current[step] : undefined;
  }
  return current;
}

export function textAt(document: PolicyDocument, path: Path): string | undefined {
  const value = valueAt(document, path);
  return typeof value === 'string' ? value : undefined;
}

export function countAt(document: PolicyDocument, path: Path): number | undefined {
  const value = valueAt(document, path);
  return typeof value === 'number' && Number.isInteger(value) ? value : undefined;
}

export function listAt(document: PolicyDocument, path: Path): readonly unknown[] {
  const value = valueAt(document, path);
  return Array.isArray(value) ? value : [];
}

export function durationAt(document: PolicyDocument, path: Path): Duration | undefined {
  return parsedAt(document, path, parseDuration);
}

/** Undefined where the text is missing or cannot be parsed. */
export function parsedAt<T>(document: PolicyDocument, path: Path, parse: (text: string) => T): T | undefined {
  const text = textAt(document, path);
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    if (isFailure(error, 'value.invalid')) return undefined;
    throw error;
  }
}
