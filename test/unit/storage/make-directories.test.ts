import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirectories } from '../../../src/storage/make-directories.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-directories-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('makeDirectories', () => {
  it('makes what is missing, and gives the first that it made', async () => {
    expect(await makeDirectories(path.join(folder, 'a/b/c'), 0o700)).toBe(path.join(folder, 'a'));
    expect(statSync(path.join(folder, 'a/b/c')).mode & 0o777).toBe(0o700);
    expect(await makeDirectories(path.join(folder, 'a/b/d'), 0o700)).toBe(path.join(folder, 'a/b/d'));
    expect(await makeDirectories(path.join(folder, 'a/b'), 0o700)).toBeUndefined();
  });

  it('is made by many at once', async () => {
    const wanted = path.join(folder, 'x/y/z');
    await Promise.all(Array.from({ length: 20 }, () => makeDirectories(wanted, 0o700)));
    expect(statSync(wanted).isDirectory()).toBe(true);
  });

  it('says that a file is in the way', async () => {
    writeFileSync(path.join(folder, 'file'), '');
    await expect(makeDirectories(path.join(folder, 'file/below'), 0o700)).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it('says that a link leads nowhere', async () => {
    symlinkSync(path.join(folder, 'nowhere'), path.join(folder, 'link'));
    await expect(makeDirectories(path.join(folder, 'link/below'), 0o700)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.runIf(process.platform === 'linux')('ends where a parent is there and nothing can be made in it', async () => {
    await expect(makeDirectories('/proc/hoard/below', 0o700)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
