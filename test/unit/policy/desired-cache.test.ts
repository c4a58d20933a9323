import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { repositoryName } from '../../../src/domain/desired.ts';
import { loadPoliciesCached } from '../../../src/policy/desired-cache.ts';
import { loadPolicies } from '../../../src/policy/load-policies.ts';

const EXAMPLES = path.resolve(import.meta.dirname, '../../../examples');
const QUICKSTART = readFileSync(path.join(EXAMPLES, 'quickstart/policies/hoard.yaml'), 'utf8');

let folder: string;
let policies: string;
let cache: { readonly directory: string; readonly version: string };

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-desired-cache-'));
  policies = path.join(folder, 'policies.yaml');
  writeFileSync(policies, QUICKSTART);
  cache = { directory: path.join(folder, 'cache', 'policies'), version: '1.0.0' };
});
afterEach(() => rmSync(folder, { recursive: true }));

const kept = (): string => {
  const [name] = readdirSync(cache.directory);
  return path.join(cache.directory, name ?? '');
};
const directoryOf = async (): Promise<string | undefined> => {
  const { desired } = await loadPoliciesCached(policies, cache);
  const storage = desired?.repositories.get(repositoryName('local'))?.storage;
  return storage?.type === 'local' ? storage.directory : undefined;
};

describe('loadPoliciesCached', () => {
  it('gives what loadPolicies gives, made and kept, for everything that policies can declare', async () => {
    for (const file of [policies, path.join(EXAMPLES, 'production.yaml')]) {
      const { desired } = await loadPolicies(file);
      expect((await loadPoliciesCached(file, cache)).desired).toEqual(desired);
      expect((await loadPoliciesCached(file, cache)).desired).toEqual(desired);
    }
    expect(readdirSync(cache.directory)).toHaveLength(2);
  });

  it('really uses what is kept', async () => {
    await directoryOf();
    const bytes = readFileSync(kept());
    // Another path of the same length, with a checksum that fits: only a reader of the cache can give it.
    const { createHash } = await import('node:crypto');
    const body = Buffer.from(
      bytes.subarray(130).toString('latin1').replace('hoard-repository', 'hoard-elsewhere!'),
      'latin1',
    );
    const sum = createHash('sha256').update(body).digest('hex');
    writeFileSync(kept(), Buffer.concat([bytes.subarray(0, 65), Buffer.from(`${sum}\n`), body]));
    expect(await directoryOf()).toBe(path.join(folder, 'hoard-elsewhere!'));
  });

  it('sees a changed file, a new version of hoard and a moved folder', async () => {
    expect(await directoryOf()).toBe(path.join(folder, 'hoard-repository'));
    writeFileSync(policies, QUICKSTART.replace('./hoard-repository', './another'));
    expect(await directoryOf()).toBe(path.join(folder, 'another'));
    const before = readFileSync(kept());
    await loadPoliciesCached(policies, { ...cache, version: '1.0.1' });
    expect(readFileSync(kept())).not.toEqual(before);
  });

  it('sees an error that was not there before, and keeps nothing of it', async () => {
    await directoryOf();
    writeFileSync(policies, QUICKSTART.replace('schedule:', 'shedule:'));
    const { desired, diagnostics } = await loadPoliciesCached(policies, cache);
    expect([desired, diagnostics.length]).toEqual([undefined, 1]);
    rmSync(policies);
    expect((await loadPoliciesCached(policies, cache)).desired).toBeUndefined();
  });

  it.each([
    ['is cut', (bytes: Buffer) => bytes.subarray(0, bytes.length - 20)],
    ['is empty', () => Buffer.alloc(0)],
    [
      'has a flipped bit',
      (bytes: Buffer) => Buffer.from(bytes.map((byte, index) => (index === bytes.length - 9 ? byte ^ 1 : byte))),
    ],
    ['is something else', () => Buffer.from('something else')],
  ])('loads as usual where the kept file %s', async (_what, damage) => {
    await directoryOf();
    writeFileSync(kept(), damage(readFileSync(kept())));
    expect(await directoryOf()).toBe(path.join(folder, 'hoard-repository'));
  });

  it('trusts no folder that others can write to', async () => {
    mkdirSync(cache.directory, { recursive: true });
    chmodSync(cache.directory, 0o777);
    expect(await directoryOf()).toBe(path.join(folder, 'hoard-repository'));
    expect(readdirSync(cache.directory)).toEqual([]);
  });

  it('does without where there is no place for it', async () => {
    writeFileSync(path.join(folder, 'cache'), 'a file in the way');
    expect(await directoryOf()).toBe(path.join(folder, 'hoard-repository'));
  });
});
