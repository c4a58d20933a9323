import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DesiredSftp } from '../../src/domain/desired-storage.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { createSftpDirectory, openSftpDriver } from '../../src/storage/sftp/sftp-driver.ts';
import type { StorageContext } from '../../src/storage/storage-context.ts';
import { isRcloneInstalled, type RcloneSftp, startRcloneSftp } from '../../support/servers/rclone-sftp.ts';
import { bodyOf, bytesOf, NEVER, pattern } from '../conformance/bodies.ts';
import { declaredPlainSftp } from '../conformance/sftp-declared.ts';

const MIB = 1024 ** 2;
const options = { signal: NEVER };
const where = isRcloneInstalled() ? '' : ': rclone is not installed';

describe.skipIf(!isRcloneInstalled())(`SFTP served by rclone${where}`, () => {
  let server: RcloneSftp;
  let context: StorageContext;
  const open: ObjectStore[] = [];
  beforeAll(async () => {
    server = await startRcloneSftp();
    context = declaredPlainSftp(server).context;
  }, 90_000);
  afterAll(async () => {
    for (const store of open) await store.close();
    await server?.[Symbol.asyncDispose]();
  });

  const created = async (name: string): Promise<ObjectStore> => {
    // rclone serves its folder as the root.
    const storage: DesiredSftp = { ...declaredPlainSftp(server).storage, directory: `/${name}` };
    await createSftpDirectory(storage, context);
    const limits = createTransferLimits(undefined, context.clock);
    return remoteStore(await openSftpDriver(storage, context), { ...context, limits, uploadRetries: 3 });
  };

  const opened = async (name: string): Promise<ObjectStore> => {
    const store = await created(name);
    open.push(store);
    return store;
  };
  const read = async (store: ObjectStore, key: string): Promise<string> =>
    (await bytesOf(await store.get(key, options))).toString();
  const keysOf = async (store: ObjectStore, prefix: string): Promise<string[]> => {
    const keys: string[] = [];
    for await (const page of store.list(prefix, options)) keys.push(...page.map(({ key }) => key));
    return keys;
  };

  test('no conditional create is promised, though the server says that it makes hard links', async () => {
    const store = await opened('plain');
    expect(await store.conditionalCreateLimit(options)).toBe(0);
    await expect.poll(async () => readdir(join(server.folder, 'plain/.hoard-store'))).toEqual([]);
  });

  test('objects up to one request are created once, replaced, read, listed and removed', async () => {
    const store = await opened('objects');
    await store.put('a/created', bodyOf('first'), { ...options, ifAbsent: true });
    await expect(store.put('a/created', bodyOf('second'), { ...options, ifAbsent: true })).rejects.toMatchObject({
      code: 'store.exists',
    });
    expect(await read(store, 'a/created')).toBe('first');
    await store.put('a/replaced', bodyOf('long before'), options);
    await store.put('a/replaced', bodyOf('after'), options);
    expect(await read(store, 'a/replaced')).toBe('after');
    const segment = pattern(16 * MIB);
    await store.put('segment', bodyOf(segment), options);
    expect((await bytesOf(await store.get('segment', options))).equals(Buffer.from(segment))).toBe(true);
    const range = { offset: MIB - 3, length: 100_000 };
    const part = await bytesOf(await store.get('segment', { ...options, range }));
    expect(part.equals(Buffer.from(segment.subarray(range.offset, range.offset + range.length)))).toBe(true);
    expect(await keysOf(store, '')).toEqual(['a/created', 'a/replaced', 'segment']);
    // An object is no directory, which this server calls a failure.
    expect(await keysOf(store, 'segment/')).toEqual([]);
    const removed = await store.deleteMany(['a/created', 'a/replaced', 'segment', 'none'], options);
    expect(removed.map(({ kind }) => kind)).toEqual(['removed', 'removed', 'removed', 'removed']);
    expect(await keysOf(store, '')).toEqual([]);
  });

  test('objects in parts are refused, because the server forgets what a file held that is opened again', async () => {
    const store = await opened('parts');
    await expect(store.put('large', bodyOf(pattern(17 * MIB)), options)).rejects.toMatchObject({
      code: 'store.incomplete',
      hint: expect.stringContaining('rclone'),
    });
    expect(await store.head('large', options)).toBeUndefined();
  });

  test('a disk that is full is named, and what is there stays', async ({ skip }) => {
    const folder = join(server.folder, 'small');
    mkdirSync(folder);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'hoard-test', folder]);
    if (mounted.status !== 0) skip('a file system cannot be mounted here');
    try {
      const store = await opened('small');
      const small = pattern(100_000);
      await store.put('before', bodyOf(small), options);
      await expect(store.put('large', bodyOf(pattern(8 * MIB)), options)).rejects.toMatchObject({ code: 'store.full' });
      expect(await store.head('large', options)).toBeUndefined();
      expect((await bytesOf(await store.get('before', options))).equals(Buffer.from(small))).toBe(true);
    } finally {
      spawnSync('umount', ['-l', folder]);
    }
  });
});
