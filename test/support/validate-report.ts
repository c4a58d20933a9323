import { Ajv } from 'ajv';
import { bundleSchema } from '../../src/policy/read-schema.ts';
import type { SchemaName } from '../../src/policy/schema-files.ts';

/** What a document violates of a published schema of machine-readable output; empty where it is valid. */
export function reportErrors(schema: SchemaName, document: unknown): readonly string[] {
  const ajv = new Ajv({ allErrors: true, strict: false });
  const validate = ajv.compile(bundleSchema(schema));
  validate(document);
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}
