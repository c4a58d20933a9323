import { Failure } from '../domain/failure.ts';
import {
  isSchema,
  POLICY_KINDS,
  readSchemaFile,
  SCHEMA_NAMES,
  type Schema,
  type SchemaName,
  schemaFileName,
} from './schema-files.ts';

/**
 * The text of a schema that stands alone: what it refers to in other files has been moved into its `definitions`. Takes a name from
 * SCHEMA_NAMES or a kind as documents write it (`RestoreTarget`). Throws `usage.invalid` for another name.
 */
export function readSchema(name: string): string {
  return `${JSON.stringify(bundleSchema(schemaName(name)), null, 2)}\n`;
}

function schemaName(name: string): SchemaName {
  const stem = Object.entries(POLICY_KINDS).find(([kind]) => kind === name)?.[1] ?? name;
  const found = SCHEMA_NAMES.find((known) => known === stem);
  if (found) return found;
  throw new Failure('usage.invalid', {
    message: `there is no schema named "${name}"`,
    hint: `use one of ${SCHEMA_NAMES.join(', ')}`,
  });
}

/** The schema with every file that it refers to, directly or not, as one document. */
export function bundleSchema(name: SchemaName): Schema {
  const root = schemaFileName(name);
  const bundled = new Map<string, Schema>();
  const pending = [root];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (bundled.has(file)) continue;
    const source = readSchemaFile(file);
    const home = file;
    bundled.set(
      file,
      rewrite(source, (reference) => {
        const [target = '', fragment = ''] = reference.split('#');
        if (target !== '') pending.push(target);
        return inBundle(target === '' ? home : target, fragment, root);
      }),
    );
  }
  const { $id: _relative, definitions, ...top } = bundled.get(root) ?? {};
  bundled.delete(root);
  const parts = [...bundled].sort(([a], [b]) => (a < b ? -1 : 1)).map(([file, schema]) => [stem(file), asPart(schema)]);
  const all = { ...Object.fromEntries(parts), ...(isSchema(definitions) ? definitions : {}) };
  return Object.keys(all).length === 0 ? top : { ...top, definitions: all };
}

/** Where `file#fragment` lies in the bundle: the root's own definitions stay, another file becomes one definition. */
function inBundle(file: string, fragment: string, root: string): string {
  return file === root ? `#${fragment}` : `#/definitions/${stem(file)}${fragment}`;
}

/** The stem of a file name cannot clash with a definition: definitions are in camel case and no kind's name is among them. */
function stem(file: string): string {
  return file.replace('.schema.json', '-schema');
}

function asPart(schema: Schema): Schema {
  const { $schema: _dialect, $id: _id, ...part } = schema;
  return part;
}

function rewrite(schema: Schema, reference: (text: string) => string): Schema {
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    if (!isSchema(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        key === '$ref' && typeof inner === 'string' ? reference(inner) : visit(inner),
      ]),
    );
  };
  return Object.fromEntries(
    Object.entries(schema).map(([key, inner]) => [
      key,
      key === '$ref' && typeof inner === 'string' ? reference(inner) : visit(inner),
    ]),
  );
}
