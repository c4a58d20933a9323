import { isMap } from 'yaml';
import type { Report } from '../finding.ts';
import { nearest } from '../nearest.ts';
import { isSchema, type PolicyKind } from '../schema-files.ts';
import { keyRange, locate, type PolicyDocument, rangeOf, valueRange } from './policy-document.ts';
import { kinds } from './shape.ts';
import { anyOf, describeValue, quote } from './wording.ts';

/**
 * Finds the kind whose schema the document is to be checked with; undefined, with the reason reported, where nothing says which.
 * A kind that was probably meant counts, so that the rest of the document is checked too.
 */
export function checkEnvelope(document: PolicyDocument, report: Report): PolicyKind | undefined {
  const { value, source, yaml } = document;
  const place = `${document.range.start === 0 ? 'first' : 'later'} document`;
  if (!isMap(yaml.contents) || !isSchema(value)) {
    report({
      code: 'HRD004',
      source,
      range: document.range,
      message: 'a policy document is a mapping with apiVersion, kind, metadata and spec',
      hint: 'see the schema: hoard schema hoard',
      place,
    });
    return undefined;
  }
  const kind = value['kind'];
  if (kind === undefined) {
    const meant = nearest('kind', Object.keys(value));
    const key = meant === undefined ? undefined : rangeOf(locate(yaml, [meant])?.key);
    if (key && meant !== undefined) {
      report({
        code: 'HRD006',
        source,
        range: key,
        message: `unknown key ${quote(meant)} in the document`,
        hint: 'did you mean kind?',
        place,
      });
    } else {
      report({
        code: 'HRD004',
        source,
        range: keyRange(document, []),
        message: 'the document has no kind',
        hint: `add kind: ${anyOf(kinds())}`,
        place,
      });
    }
    return undefined;
  }
  if (kind !== document.kind) {
    report({
      code: 'HRD005',
      source,
      range: valueRange(document, ['kind']),
      message: `kind: expected ${anyOf(kinds())}, found ${describeValue(document, ['kind'], kind)}`,
      hint: document.kind === undefined ? undefined : `did you mean ${document.kind}?`,
      place,
    });
  }
  return document.kind;
}
