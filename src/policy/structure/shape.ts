import {
  isSchema,
  POLICY_KINDS,
  type PolicyKind,
  readSchemaFile,
  type Schema,
  schemaFileName,
} from '../schema-files.ts';

/**
 * What a schema says about the tree of keys, with the branches of every choice laid over each other: enough to know
 * where secrets belong and where else a key exists.
 */
export interface Shape {
  /** A secret reference belongs here. */
  secret: boolean;
  /** A secret belongs somewhere below. */
  holdsSecrets: boolean;
  readonly properties: Map<string, Shape>;
  /** Of every item, or of every key that is not a property. */
  rest: Shape | undefined;
}

const cache = new Map<PolicyKind, Shape>();

/** The shape of a kind's documents. */
export function shapeOf(kind: PolicyKind): Shape {
  const known = cache.get(kind);
  if (known) return known;
  const shape = emptyShape();
  const file = schemaFileName(POLICY_KINDS[kind]);
  addSchema(shape, readSchemaFile(file), file);
  markSecrets(shape);
  cache.set(kind, shape);
  return shape;
}

/** The key path, for example `spec.backup`, of every object of the kind that has a property of this name. */
export function placesOf(kind: PolicyKind, name: string): readonly string[] {
  const places: string[] = [];
  const visit = (shape: Shape, path: string): void => {
    if (shape.secret) return;
    if (shape.properties.has(name)) places.push(path);
    for (const [key, inner] of shape.properties) visit(inner, path === '' ? key : `${path}.${key}`);
    if (shape.rest) visit(shape.rest, `${path}[]`);
  };
  visit(shapeOf(kind), '');
  return places;
}

/** The names of all keys at which a secret belongs, in any kind. */
export function secretKeys(): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (shape: Shape): void => {
    for (const [key, inner] of shape.properties) {
      if (inner.secret || inner.rest?.secret === true) names.add(key);
      else visit(inner);
    }
    if (shape.rest) visit(shape.rest);
  };
  for (const kind of kinds()) visit(shapeOf(kind));
  return names;
}

export function kinds(): readonly PolicyKind[] {
  return ['Site', 'Repository', 'Policy', 'RestoreTarget', 'Daemon'];
}

function emptyShape(): Shape {
  return { secret: false, holdsSecrets: false, properties: new Map(), rest: undefined };
}

function addSchema(shape: Shape, schema: Schema, file: string): void {
  if (typeof schema['$ref'] === 'string') {
    const [target = '', pointer = ''] = schema['$ref'].split('#');
    const targetFile = target === '' ? file : target;
    addSchema(shape, resolvePointer(readCached(targetFile), pointer), targetFile);
  }
  if (schema['x-secret'] === true) shape.secret = true;
  if (isSchema(schema['properties'])) {
    for (const [key, inner] of Object.entries(schema['properties'])) {
      const child = shape.properties.get(key) ?? emptyShape();
      shape.properties.set(key, child);
      if (isSchema(inner)) addSchema(child, inner, file);
    }
  }
  for (const inner of [schema['items'], schema['additionalProperties']]) {
    if (!isSchema(inner)) continue;
    shape.rest ??= emptyShape();
    addSchema(shape.rest, inner, file);
  }
  for (const branches of [schema['oneOf'], schema['anyOf']]) {
    if (Array.isArray(branches)) for (const branch of branches) if (isSchema(branch)) addSchema(shape, branch, file);
  }
}

function markSecrets(shape: Shape): boolean {
  let found = shape.secret;
  for (const child of shape.properties.values()) found = markSecrets(child) || found;
  if (shape.rest) found = markSecrets(shape.rest) || found;
  shape.holdsSecrets = found;
  return found;
}

const files = new Map<string, Schema>();

function readCached(file: string): Schema {
  const known = files.get(file) ?? readSchemaFile(file);
  files.set(file, known);
  return known;
}

function resolvePointer(schema: Schema, pointer: string): Schema {
  let current: unknown = schema;
  for (const step of pointer.split('/').slice(1)) current = isSchema(current) ? current[step] : undefined;
  return isSchema(current) ? current : {};
}
