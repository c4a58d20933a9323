import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import {
  isSchema,
  POLICY_KINDS,
  type PolicyKind,
  readSchemaFile,
  type Schema,
  schemaFileName,
} from '../schema-files.ts';

/** Keywords of our schemas that are for editors and for messages. */
const ANNOTATIONS = ['markdownDescription', 'x-secret', 'x-expected'];

const compiled = new Map<PolicyKind, ValidateFunction>();
let shared: Ajv | undefined;

/** All violations of the kind's schema, each with the schema and the data that it is about. */
export function violationsOf(kind: PolicyKind, value: unknown): readonly ErrorObject[] {
  shared ??= createAjv();
  // Compiled when first needed: most commands see few kinds, and start-up counts in an archive_command.
  const validate = compiled.get(kind) ?? shared.compile(readSchemaFile(schemaFileName(POLICY_KINDS[kind])));
  compiled.set(kind, validate);
  return validate(value) ? [] : [...(validate.errors ?? [])];
}

/** What the choice's branches have as the value of their tag, for example the storage types. */
export function tagValues(kind: PolicyKind, choice: Schema, tag: string): readonly string[] {
  const { definitions } = readSchemaFile(schemaFileName(POLICY_KINDS[kind]));
  const branches = Array.isArray(choice['oneOf']) ? choice['oneOf'] : [];
  return branches.flatMap((branch: unknown) => {
    const name = isSchema(branch) ? String(branch['$ref']).replace('#/definitions/', '') : '';
    const definition = isSchema(definitions) ? definitions[name] : undefined;
    const properties = isSchema(definition) ? definition['properties'] : undefined;
    const property = isSchema(properties) ? properties[tag] : undefined;
    return isSchema(property) && typeof property['const'] === 'string' ? [property['const']] : [];
  });
}

function createAjv(): Ajv {
  const ajv = new Ajv({
    strict: true,
    strictTypes: false,
    strictRequired: false,
    allErrors: true,
    verbose: true,
    discriminator: true,
    ownProperties: true,
    logger: false,
  });
  for (const keyword of ANNOTATIONS) ajv.addKeyword({ keyword });
  ajv.addSchema(readSchemaFile('common.schema.json'));
  return ajv;
}
