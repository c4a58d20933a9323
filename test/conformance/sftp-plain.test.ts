import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { DesiredSftp } from '../../src/domain/desired-storage.ts';
import type { StoreDriver } from '../../src/storage/remote/driver.ts';
import { createSftpDirectory, openSftpDriver } from '../../src/storage/sftp/sftp-driver.ts';
import { type PlainSftp, startPlainSftp } from '../../support/servers/plain-sftp.ts';
import { bytesOf, NEVER, pattern } from './bodies.ts';
import { declaredPlainSftp } from './sftp-declared.ts';

const MIB = 1024 * 1024;
const options = { signal: NEVER };
const put = (ifAbsent = false) => ({ ...options, ifAbsent, unlocked: false, token: randomBytes(16).toString('hex') });
const bodyOf = (bytes: Uint8Array | string) => {
  const piece = Buffer.from(bytes);
  return { pieces: [piece], length: piece.length };
};

describe('SFTP on a server without extensions', () => {
  let server: PlainSftp;
  let storage: DesiredSftp;
  let driver: StoreDriver;
  beforeAll(async () => {
    server = await startPlainSftp();
    const declared = declaredPlainSftp(server);
    storage = declared.storage;
    const { context } = declared;
    await createSftpDirectory(storage, context);
    driver = await openSftpDriver(storage, context);
  });
  afterEach(() => {
    server.refuseWrites(undefined);
    server.cutAfter(Number.POSITIVE_INFINITY);
  });
  afterAll(async () => {
    await driver.close();
    await server[Symbol.asyncDispose]();
  });
  const read = async (key: string) =>
    bytesOf((await driver.read(key, { ...options, range: undefined, version: undefined })).body);

  test('objects are written, replaced, created once, read, listed and removed', async () => {
    const body = pattern(MIB + 17);
    await driver.putWhole('a/b', bodyOf('first'), put());
    await driver.putWhole('a/b', bodyOf(body), put());
    expect((await read('a/b')).equals(Buffer.from(body))).toBe(true);
    await driver.putWhole('a/c', bodyOf('created'), put(true));
    await expect(driver.putWhole('a/c', bodyOf('again'), put(true))).rejects.toMatchObject({ code: 'store.exists' });
    expect((await read('a/c')).toString()).toBe('created');
    const page = await driver.listPage('', { ...options, startAfter: undefined, continuation: undefined });
    expect(page.objects.map(({ key, size }) => [key, size])).toEqual([
      ['a/b', MIB + 17],
      ['a/c', 7],
    ]);
    expect(await driver.deleteBatch(['a/b', 'a/c', 'a/d'], options)).toMatchObject([
      { kind: 'removed' },
      { kind: 'removed' },
      { kind: 'removed' },
    ]);
    await expect.poll(async () => readdir(join(storage.directory, '.hoard-store'))).toEqual([]);
    expect(await readdir(storage.directory)).toEqual(['.hoard-store']);
  });

  test('no conditional create is promised, which is found out without leaving anything', async () => {
    expect(await driver.conditionalCreateLimit(options)).toBe(0);
    await expect.poll(async () => readdir(join(storage.directory, '.hoard-store'))).toEqual([]);
  });

  test('a connection that is cut in the middle is unavailable, and the next call makes another', async () => {
    const body = pattern(2 * MIB);
    const same = put(true);
    server.cutAfter(MIB);
    await expect(driver.putWhole('cut', bodyOf(body), same)).rejects.toMatchObject({ code: 'store.unavailable' });
    expect(await driver.head('cut', options)).toBeUndefined();
    expect(await driver.putWhole('cut', bodyOf(body), same)).toMatchObject({ size: 2 * MIB });
    server.cutAfter(MIB);
    await expect(read('cut')).rejects.toMatchObject({ code: 'store.unavailable' });
    expect((await read('cut')).equals(Buffer.from(body))).toBe(true);
  });

  test.each([
    [3, 'Permission denied', 'store.denied'],
    [4, 'Failure', 'store.unavailable'],
    [4, 'No space left on device', 'store.full'],
    [4, 'Disk quota exceeded', 'store.full'],
    [4, 'preallocate: file too big for remaining disk space', 'store.full'],
  ])('the answer %i "%s" to a write is %s', async (status, message, code) => {
    server.refuseWrites({ status, message });
    await expect(driver.putWhole('refused', bodyOf('x'), put())).rejects.toMatchObject({ code });
    server.refuseWrites(undefined);
    expect(await driver.head('refused', options)).toBeUndefined();
    await expect.poll(async () => readdir(join(storage.directory, '.hoard-store'))).toEqual([]);
  });
});
