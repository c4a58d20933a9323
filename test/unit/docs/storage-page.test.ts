import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadPolicies } from '../../../src/policy/load-policies.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const PAGE = readFileSync(path.join(ROOT, 'docs/storage.md'), 'utf8');

describe('docs/storage.md', () => {
  const proofs = [...PAGE.matchAll(/^\| [^|]+ \| `(test\/[^`]+)`: (.+) \|$/gm)].map(([, file = '', title = '']) => ({
    file,
    title,
  }));

  test('names tests of every backend', () => {
    const files = new Set(proofs.map(({ file }) => path.basename(file)));
    for (const file of ['object-store.ts', 's3-driver.test.ts', 'gcs.test.ts', 'azure.test.ts', 'swift.test.ts']) {
      expect(files).toContain(file);
    }
  });

  test.each(proofs)('$file has "$title"', ({ file, title }) => {
    expect(readFileSync(path.join(ROOT, file), 'utf8')).toContain(`'${title}'`);
  });

  test('shows declarations that are valid', async () => {
    const blocks = [...PAGE.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
    expect(blocks).toHaveLength(5);
    const folder = mkdtempSync(path.join(tmpdir(), 'hoard-page-'));
    try {
      writeFileSync(path.join(folder, 'page.yaml'), blocks.join('---\n'));
      const { diagnostics, desired } = await loadPolicies(folder);
      expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
      const types = [...(desired?.repositories.values() ?? [])].map(({ storage }) => storage.type);
      expect(types.toSorted()).toEqual(['azure', 'gcs', 's3', 'sftp', 'swift']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
