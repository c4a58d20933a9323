import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { NewKeyReport } from '../../src/policy/generated/new-key-report.ts';
import { giveToServer } from '../../support/unprivileged.ts';
import { type CliResult, type PolicyFolder, policyFolder, runHoard } from './hoard-cli.ts';
import { reportErrors } from './validate-report.ts';

/** Of the file `passphrase` in the folder. */
export const PASSPHRASE = 'correct horse battery staple';

export interface KeyFolder extends PolicyFolder {
  hoard(...args: readonly string[]): Promise<CliResult>;
  /** A key by hoard keys create. */
  create(name: string, ...args: readonly string[]): Promise<NewKeyReport>;
}

/** A folder for policies and keys. */
export function keyFolder(): KeyFolder {
  const place = policyFolder('');
  writeFileSync(path.join(place.folder, 'passphrase'), `${PASSPHRASE}\n`);
  giveToServer(place.folder);
  const hoard: KeyFolder['hoard'] = (...args) =>
    runHoard(['-f', place.policies, ...args], {
      cwd: place.folder,
      environment: { URI: 'postgres://nobody@127.0.0.1:1/postgres', EMPTY: '' },
    });
  return {
    ...place,
    hoard,
    async create(name, ...args) {
      const result = await hoard('keys', 'create', name, '--output', 'json', ...args);
      expect(result.status, result.stderr).toBe(0);
      const document = JSON.parse(result.stdout) as NewKeyReport;
      expect(reportErrors('new-key', document)).toEqual([]);
      return document;
    },
  };
}

/** A site with one local repository, whose encryption is given as it stands in its spec; nobody answers at its cluster. */
export function encryptedPolicies(encryption: string): string {
  return `apiVersion: hoard/v1
kind: Repository
metadata: { name: local }
spec:
  storage: { type: local, directory: ./hoard-repository }
${encryption}
---
apiVersion: hoard/v1
kind: Policy
metadata: { name: daily }
spec:
  backup: { schedule: { cron: "0 2 * * *" } }
  wal: { method: none }
  retention: { keep: { last: 9 } }
---
apiVersion: hoard/v1
kind: Site
metadata: { name: orders }
spec: { policy: daily, repositories: [local], connections: [{ uri: { fromEnv: URI } }] }
`;
}
