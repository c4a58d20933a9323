import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadPolicies } from '../../../src/policy/load-policies.ts';
import { brief, document, fleet } from './check-text.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-policies-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, content: string | Uint8Array): string {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

async function load(start = folder): Promise<readonly string[]> {
  const { diagnostics } = await loadPolicies(start);
  return diagnostics.map((diagnostic) => `${path.relative(folder, diagnostic.file)} ${brief(diagnostic)}`);
}

const [REPOSITORY = '', POLICY = '', SITE = ''] = fleet().split('---\n');

describe('loadPolicies', () => {
  it('reads folders below folders, .yaml and .yml, in order', async () => {
    write('b.yaml', POLICY);
    write('a/z.yml', SITE);
    write('a/c/x.YAML', REPOSITORY);
    write('a/notes.txt', 'not: [yaml');
    const { desired, documents } = await loadPolicies(folder);
    expect(documents.map(({ file, kind, name }) => `${path.relative(folder, file)} ${kind} ${name}`)).toEqual([
      'a/c/x.YAML Repository vault',
      'a/z.yml Site shop',
      'b.yaml Policy daily',
    ]);
    const repository = [...(desired?.repositories.values() ?? [])][0];
    expect(repository?.storage).toEqual({ type: 'local', directory: path.join(folder, 'a/c/vault') });
  });

  it('reads one file whatever its name', async () => {
    expect(await load(write('fleet.conf', fleet()))).toEqual([]);
  });

  it('passes over hidden files, node_modules and repositories', async () => {
    write('fleet.yaml', fleet());
    write('.git/x.yaml', 'kind: X');
    write('.hidden.yaml', 'kind: X');
    write('node_modules/y/y.yaml', 'kind: X');
    write('vault/hoard.json', '{}');
    write('vault/sites/x.yaml', 'kind: X');
    expect(await load()).toEqual([]);
  });

  it('follows links, each folder once', async () => {
    write('..data/fleet.yaml', fleet());
    symlinkSync('..data/fleet.yaml', path.join(folder, 'fleet.yaml'));
    mkdirSync(path.join(folder, 'sub'));
    symlinkSync('..', path.join(folder, 'sub/loop'));
    symlinkSync('nowhere', path.join(folder, 'dangling'));
    const { documents, diagnostics } = await loadPolicies(folder);
    expect(documents).toHaveLength(3);
    expect(diagnostics).toEqual([]);
  });

  it('says what cannot be read, and checks the rest without guessing', async () => {
    write('site.yaml', SITE);
    write('binary.yaml', new Uint8Array([0x6b, 0xff, 0xfe]));
    write('large.yaml', `# ${'x'.repeat(1024 * 1024)}\n`);
    symlinkSync('nowhere', path.join(folder, 'gone.yaml'));
    expect(await load()).toEqual([
      'binary.yaml 1:1-1:1 HRD001 the file is not UTF-8 text | save it as UTF-8',
      'gone.yaml 1:1-1:1 HRD001 there is no such file or folder | name the file or folder of the policies with --policies',
      'large.yaml 1:1-1:1 HRD001 the file is larger than 1024 KiB | split it into several files',
    ]);
  });

  it('says so where there is nothing', async () => {
    expect(await load()).toEqual([
      ' 1:1-1:1 HRD001 the folder holds no .yaml or .yml file | name the folder of the policies with --policies',
    ]);
    expect(await load(path.join(folder, 'missing'))).toEqual([
      'missing 1:1-1:1 HRD001 there is no such file or folder | name the file or folder of the policies with --policies',
    ]);
  });

  it.skipIf(process.getuid?.() === 0)('says what may not be read', async () => {
    chmodSync(write('secret.yaml', fleet()), 0);
    expect(await load()).toEqual(['secret.yaml 1:1-1:1 HRD001 the file or folder may not be read by this user']);
  });

  it('checks 200 files in under two seconds of processor time', async () => {
    write('shared.yaml', [REPOSITORY, POLICY].join('---\n'));
    for (let index = 0; index < 200; index += 1) {
      const site = document(
        'Site',
        `site-${index}`,
        `policy: daily\nrepositories: [vault]\nconnections: [{ uri: { fromEnv: SITE_${index} } }]`,
      );
      const drill = document(
        'RestoreTarget',
        `drill-${index}`,
        `site: site-${index}\nrole: drill\nhost: lab\nschedule: { every: 7d }`,
      );
      write(`sites/${index}.yaml`, `${site}---\n${drill}`);
    }
    await loadPolicies(folder);
    const start = process.cpuUsage();
    const { desired, diagnostics } = await loadPolicies(folder);
    // Not by the clock: the machine may be busy with something else.
    const { user, system } = process.cpuUsage(start);
    expect(user + system).toBeLessThan(2_000_000);
    expect(diagnostics).toEqual([]);
    expect(desired?.sites.size).toBe(200);
  });
});
