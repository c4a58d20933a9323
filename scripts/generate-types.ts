// Writes src/policy/generated/*.ts from schema/*.schema.json; with --check compares only, and fails where a file is stale.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { compile } from 'json-schema-to-typescript';
import { bundleSchema } from '../src/policy/read-schema.ts';
import { isSchema, type SchemaName } from '../src/policy/schema-files.ts';

const FOLDER = path.resolve(import.meta.dirname, '../src/policy/generated');

// The schema `hoard` contains the five kinds.
const FILES: Readonly<Record<string, SchemaName>> = {
  'documents.ts': 'hoard',
  'plan-report.ts': 'plan',
  'status-report.ts': 'status',
  'validate-report.ts': 'validate',
  'backups-report.ts': 'backups',
  'apply-report.ts': 'apply',
  'wal-report.ts': 'wal',
  'check-report.ts': 'check',
  'keys-report.ts': 'keys',
  'new-key-report.ts': 'new-key',
  'restore-report.ts': 'restore',
  'verify-report.ts': 'verify',
};

const check = process.argv.includes('--check');
mkdirSync(FOLDER, { recursive: true });
for (const [fileName, schema] of Object.entries(FILES)) {
  const file = path.join(FOLDER, fileName);
  const current = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const wanted = await generate(schema);
  if (current === wanted) continue;
  if (check) {
    console.error(`${path.relative('.', file)} is stale: run node scripts/generate-types.ts`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, wanted);
    console.log(`wrote ${path.relative('.', file)}`);
  }
}

async function generate(schema: SchemaName): Promise<string> {
  const plain = forTypes(structuredClone(bundleSchema(schema)));
  if (!isSchema(plain)) throw new Error(`${schema} is no schema`);
  return compile(plain, schema, {
    bannerComment: `// Generated from schema/${schema}.schema.json by scripts/generate-types.ts; do not edit.`,
    // Our own output is written with exactly the declared fields; that readers must accept more is said in the schema.
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    style: { singleQuote: true, printWidth: 120 },
  });
}

/**
 * What beside a reference only annotates would make a type of its own for every place; conditions over properties that are declared
 * anyway would become an intersection with an index signature. Types need neither.
 */
function forTypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(forTypes);
  if (!isSchema(value)) return value;
  if (typeof value['$ref'] === 'string') return { $ref: value['$ref'] };
  const { allOf, ...rest } = value;
  const kept = allOf === undefined || isSchema(rest['properties']) ? rest : { ...rest, allOf };
  return Object.fromEntries(Object.entries(kept).map(([key, inner]) => [key, forTypes(inner)]));
}
