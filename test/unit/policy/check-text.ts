import type { Diagnostic } from '../../../src/policy/diagnostic.ts';
import { checkPolicies, type LoadedPolicies } from '../../../src/policy/load-policies.ts';
import { PolicySource } from '../../../src/policy/text/policy-source.ts';

/** Checks texts as if they were files in /fleet. */
export function check(...texts: readonly string[]): LoadedPolicies {
  const sources = texts.map(
    (text, index) => new PolicySource({ file: `fleet/${index + 1}.yaml`, folder: '/fleet', text }),
  );
  return checkPolicies(sources);
}

/** `7:5-7:12 HRD006 message | hint`. */
export function brief({ line, column, endLine, endColumn, code, message, hint }: Diagnostic): string {
  return `${line}:${column}-${endLine}:${endColumn} ${code} ${message}${hint === undefined ? '' : ` | ${hint}`}`;
}

/** A small fleet in which nothing is wrong; pieces can be replaced. */
export function fleet(
  pieces: {
    readonly repository?: string;
    readonly policy?: string;
    readonly site?: string;
    readonly more?: string;
  } = {},
): string {
  return [
    pieces.repository ?? document('Repository', 'vault', 'storage: { type: local, directory: ./vault }'),
    pieces.policy ??
      document('Policy', 'daily', 'backup: { schedule: { cron: "0 2 * * *" } }\nretention: { window: 7d }'),
    pieces.site ??
      document('Site', 'shop', 'policy: daily\nrepositories: [vault]\nconnections: [{ uri: { fromEnv: SHOP } }]'),
    ...(pieces.more === undefined ? [] : [pieces.more]),
  ].join('---\n');
}

/** `spec` begins on line 5 of the document, indented by two. */
export function document(kind: string, name: string, spec: string): string {
  const lines = spec.split('\n').map((line) => `  ${line}\n`);
  return `apiVersion: hoard/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec:\n${lines.join('')}`;
}
