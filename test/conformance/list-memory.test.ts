import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { createLocalStore } from '../../src/storage/local/local-store.ts';
import { startGcsServer } from '../../support/servers/gcs/gcs-server.ts';

const LISTER = path.join(import.meta.dirname, '../support/list-process.ts');
const OBJECTS = 50_000;
const IN_A_FOLDER = 250;
const LONG = 'x'.repeat(200);

function* folders(): Generator<{ readonly folder: string; readonly names: readonly string[] }> {
  for (let at = 0; at < OBJECTS; at += IN_A_FOLDER) {
    const names = Array.from({ length: IN_A_FOLDER }, (_, index) => `${String(at + index).padStart(8, '0')}-${LONG}`);
    yield { folder: `${String(at).padStart(8, '0')}-${LONG}`, names };
  }
}

async function list(place: string, heap: number, mode: 'stream' | 'keep'): Promise<string> {
  const flags = [`--max-old-space-size=${heap}`, '--max-semi-space-size=2'];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, LISTER, place, mode]);
  return stdout;
}

describe('the memory of a listing', () => {
  const disposals: (() => unknown)[] = [];

  afterEach(async () => {
    for (const dispose of disposals.splice(0)) await dispose();
  });

  async function directory(): Promise<string> {
    const store = mkdtempSync(path.join(os.tmpdir(), 'hoard-list-'));
    disposals.push(() => rmSync(store, { recursive: true, force: true }));
    await createLocalStore(store);
    for (const { folder, names } of folders()) {
      mkdirSync(path.join(store, folder));
      for (const name of names) writeFileSync(path.join(store, folder, name), '');
    }
    return store;
  }

  async function bucket(): Promise<string> {
    const server = await startGcsServer();
    disposals.push(() => server[Symbol.asyncDispose]());
    server.makeBucket('many');
    const stored = server.api.buckets.get('many');
    for (const { folder, names } of folders())
      for (const name of names) stored?.insert(`${folder}/${name}`, Buffer.alloc(0), {});
    return JSON.stringify({ endpoint: server.endpoint, keyFile: server.keyFile, bucket: 'many' });
  }

  // MiB of heap: a listing of the directory needs less than 12, one that keeps what was listed more than 24; of the bucket
  // between 16 and 20, and more than 36.
  test.each([
    { store: 'a directory', make: directory, heap: 17 },
    { store: 'a bucket', make: bucket, heap: 28 },
  ])('does not grow with the objects in $store', { timeout: 300_000 }, async ({ make, heap }) => {
    const place = await make();
    expect(await list(place, heap, 'stream')).toBe(String(OBJECTS));
    // Otherwise the limit would prove nothing.
    await expect(list(place, heap, 'keep')).rejects.toThrow('heap out of memory');
  });
});
