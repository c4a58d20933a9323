import { nearest } from '../nearest.ts';
import { keyRange, locate, type Path, rangeOf, renderPath } from './policy-document.ts';
import { placesOf } from './shape.ts';
import { keyAt, keysOf, type SchemaCheck, type Violation } from './violation.ts';
import { anyOf, quote } from './wording.ts';

/**
 * Reports the unknown keys of one object, each with the key that was probably meant: first one that is missing, then any that is
 * not there. True where one of them was meant to be a known key.
 */
export function checkUnknownKeys(check: SchemaCheck, violations: readonly Violation[]): boolean {
  const missing = violations.filter(({ error }) => error.keyword === 'required').map(missingKeyOf);
  let found = false;
  for (const { error, path, schema } of violations) {
    if (error.keyword !== 'additionalProperties') continue;
    const key = String(error.params['additionalProperty']);
    const present = new Set(keysOf(error.data));
    const known = keysOf(schema['properties']);
    const absent = known.filter((name) => !present.has(name) && !check.suggested.has(keyAt(path, name)));
    const wanted = absent.filter((name) => missing.includes(name));
    const meant = nearest(key, wanted) ?? nearest(key, absent);
    if (meant !== undefined) {
      found = true;
      check.suggested.add(keyAt(path, meant));
    }
    report(check, path, key, meant, known);
  }
  return checkTag(check, violations) || found;
}

/** Without a known tag no branch of a choice applies, so that to the validator its misspelling is no unknown key. */
function checkTag(check: SchemaCheck, violations: readonly Violation[]): boolean {
  for (const violation of violations) {
    const tag = missingKeyOf(violation);
    if (!violations.some(({ error }) => error.keyword === 'discriminator' && error.params['tag'] === tag)) continue;
    const key = nearest(tag, keysOf(violation.error.data));
    if (violation.error.keyword !== 'required' || key === undefined) continue;
    check.suggested.add(keyAt(violation.path, tag));
    report(check, violation.path, key, tag, []);
    return true;
  }
  return false;
}

function missingKeyOf({ error }: Violation): string {
  return String(error.params['missingProperty']);
}

function report(
  check: SchemaCheck,
  path: Path,
  key: string,
  meant: string | undefined,
  known: readonly string[],
): void {
  const { document, kind, emit } = check;
  const range = rangeOf(locate(document.yaml, [...path, key])?.key) ?? keyRange(document, path);
  const hidden = document.source.isHidden(range);
  const shown = hidden ? 'unknown key' : `unknown key ${quote(key)}`;
  const places = meant === undefined && !hidden ? placesOf(kind, key) : [];
  emit('HRD006', range, [...path, key], `${shown} in ${renderPath(path)}`, hintFor(key, meant, places, known));
}

function hintFor(key: string, meant: string | undefined, places: readonly string[], known: readonly string[]): string {
  if (meant !== undefined) return `did you mean ${meant}?`;
  const present = nearest(key, known);
  if (present !== undefined) return `${present} is there already; remove one of the two`;
  if (places.length > 0) return `${key} belongs in ${anyOf(places.slice(0, 3))}`;
  if (key === '<<') return 'merge keys are not part of YAML 1.2; write the keys out';
  return known.length === 0 ? 'remove it' : `possible here: ${known.join(', ')}`;
}
