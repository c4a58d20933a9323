import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Failure } from '../domain/failure.ts';

/** The policy kinds, as documents name them, and the stem of the file that holds each one's schema. */
export const POLICY_KINDS = {
  Site: 'site',
  Repository: 'repository',
  Policy: 'policy',
  RestoreTarget: 'restore-target',
  Daemon: 'daemon',
} as const;
export type PolicyKind = keyof typeof POLICY_KINDS;

/** Every schema that people can ask for: policies as a whole, each kind, and each machine-readable output. */
export const SCHEMA_NAMES = [
  'hoard',
  ...Object.values(POLICY_KINDS),
  'plan',
  'apply',
  'status',
  'validate',
  'backups',
  'wal',
  'check',
  'keys',
  'new-key',
  'restore',
  'verify',
] as const;
export type SchemaName = (typeof SCHEMA_NAMES)[number];

/** A JSON Schema or a part of one. */
export type Schema = Readonly<Record<string, unknown>>;

/** One file below schema/, parsed. Throws `bug` where the installation lacks it. */
export function readSchemaFile(fileName: string): Schema {
  const path = new URL(fileName, schemaFolder());
  const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (isSchema(parsed)) return parsed;
  throw new Failure('bug', { message: `${fileURLToPath(path)} holds no schema` });
}

export function schemaFileName(name: SchemaName): string {
  return `${name}.schema.json`;
}

export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The folder schema/ of the package. This file is two folders below the package's root both as source (src/policy/) and as built
 * (dist/policy/).
 */
function schemaFolder(): URL {
  const folder = new URL('../../schema/', import.meta.url);
  if (existsSync(folder)) return folder;
  throw new Failure('bug', {
    message: `the folder ${fileURLToPath(folder)} is missing from this installation of hoard`,
  });
}
