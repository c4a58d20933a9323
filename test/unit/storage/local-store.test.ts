import { execFileSync, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLocalStore, openLocalStore } from '../../../src/storage/local/local-store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { bodyOf, bytesOf, collect, NEVER, pattern } from '../../conformance/bodies.ts';

const options = { signal: NEVER };
const WRITER = join(import.meta.dirname, '../../support/local-writer-process.ts');
// CAP_SYS_ADMIN, which mount needs as well.
const mayMount = spawnSync('unshare', ['-m', 'true']).status === 0;
const strace = spawnSync('strace', ['-V']).status === 0;

let folder: string;
let directory: string;
let hidden: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hoard-store-'));
  directory = join(folder, 'repository');
  hidden = join(directory, '.hoard-store');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function newStore(): Promise<ObjectStore> {
  await createLocalStore(directory);
  return openLocalStore(directory);
}

const keysOf = async (store: ObjectStore, prefix = ''): Promise<string[]> =>
  (await collect(store.list(prefix, options))).flat().map((info) => info.key);

/** Every operation says that there is no store; none makes one. */
async function expectAbsent(store: ObjectStore): Promise<void> {
  const absent = { code: 'store.absent' };
  await expect(keysOf(store)).rejects.toMatchObject(absent);
  await expect(keysOf(store, 'a/b/')).rejects.toMatchObject(absent);
  await expect(store.head('a/b', options)).rejects.toMatchObject(absent);
  await expect(store.get('a/b', options)).rejects.toMatchObject(absent);
  await expect(store.put('a/b', bodyOf('x'), options)).rejects.toMatchObject(absent);
  await expect(store.put('a/b', bodyOf('x'), { ...options, ifAbsent: true })).rejects.toMatchObject(absent);
  await expect(store.deleteMany(['a/b'], options)).rejects.toMatchObject(absent);
}

describe('a disk that is not mounted never reads as an empty store', () => {
  test('the directory is missing', async () => {
    await expectAbsent(await openLocalStore(directory));
    expect(await readdir(folder)).toEqual([]);
  });

  test('the directory is a bare mount point', async () => {
    await mkdir(join(directory, 'lost+found'), { recursive: true });
    await expectAbsent(await openLocalStore(directory));
    expect(await readdir(directory)).toEqual(['lost+found']);
  });

  test('the bare mount point holds a note for administrators', async () => {
    await mkdir(directory);
    await writeFile(join(directory, 'README'), 'the backup disk belongs here');
    await expectAbsent(await openLocalStore(directory));
    expect(await readdir(directory)).toEqual(['README']);
  });

  test('a repository that was copied without hidden files is one', async () => {
    await mkdir(join(directory, 'sites'), { recursive: true });
    await writeFile(join(directory, 'sites', 'object'), 'x');
    expect(await keysOf(await openLocalStore(directory))).toEqual(['sites/object']);
  });

  test('the disk goes while the store is open, and comes back', async () => {
    const store = await newStore();
    await store.put('a/b', bodyOf('x'), options);
    await rename(directory, `${directory}.gone`);
    await expectAbsent(store);
    await mkdir(directory);
    await expectAbsent(store);
    await rm(directory, { recursive: true });
    await rename(`${directory}.gone`, directory);
    expect(await keysOf(store)).toEqual(['a/b']);
  });

  test('the disk goes in the middle of a listing', async () => {
    const store = await newStore();
    for (let index = 0; index < 1100; index += 1) await store.put(`${index % 10}/${index}`, bodyOf('x'), options);
    await expect(
      (async () => {
        for await (const page of store.list('', options)) {
          expect(page.length).toBeGreaterThan(0);
          await rename(directory, `${directory}.gone`);
        }
      })(),
    ).rejects.toMatchObject({ code: 'store.absent' });
  });

  test('the disk goes in the middle of a put', async () => {
    const store = await newStore();
    async function* body() {
      yield pattern(1000);
      await rename(directory, `${directory}.gone`);
    }
    await expect(store.put('a/b', body(), options)).rejects.toMatchObject({ code: 'store.absent' });
    expect(await readdir(folder)).toEqual(['repository.gone']);
  });

  test('a repository copied here without hidden files is a store', async () => {
    await mkdir(join(directory, 'sites'), { recursive: true });
    await writeFile(join(directory, 'sites', 'a'), 'x');
    const store = await openLocalStore(directory);
    expect(await keysOf(store)).toEqual(['sites/a']);
    await store.put('b', bodyOf('y'), options);
    expect(await keysOf(store)).toEqual(['b', 'sites/a']);
  });

  test('creating one twice changes nothing', async () => {
    const store = await newStore();
    await store.put('a', bodyOf('x'), options);
    await createLocalStore(directory);
    expect(await keysOf(store)).toEqual(['a']);
  });
});

describe('what does not belong into a store', () => {
  test('hidden and foreign names are no objects', async () => {
    const store = await newStore();
    await store.put('a', bodyOf('x'), options);
    await mkdir(join(directory, 'lost+found'));
    await writeFile(join(directory, 'notes of mine.txt'), 'x');
    await writeFile(join(hidden, 'b'), 'x');
    expect(await keysOf(store)).toEqual(['a']);
    expect(await keysOf(store, '.hoard-store/')).toEqual([]);
    await expect(store.get('.hoard-store/b', options)).rejects.toMatchObject({ code: 'value.invalid' });
    await expect(store.put('.hoard-store/c', bodyOf('x'), options)).rejects.toMatchObject({ code: 'value.invalid' });
    await expect(store.put('.hoard-store', bodyOf('x'), options)).rejects.toMatchObject({ code: 'value.invalid' });
  });

  test('symbolic links inside are refused by every operation, not skipped', async () => {
    const store = await newStore();
    await mkdir(join(folder, 'outside'));
    await writeFile(join(folder, 'outside', 'secret'), 'x');
    await symlink(join(folder, 'outside'), join(directory, 'away'));
    const foreign = { code: 'repository.foreign' };
    await expect(store.get('away/secret', options)).rejects.toMatchObject(foreign);
    await expect(store.head('away/secret', options)).rejects.toMatchObject(foreign);
    await expect(store.put('away/new', bodyOf('x'), options)).rejects.toMatchObject(foreign);
    expect(await store.deleteMany(['away/secret'], options)).toMatchObject([{ kind: 'failed', error: foreign }]);
    await expect(keysOf(store)).rejects.toMatchObject(foreign);
    await expect(keysOf(store, 'away/')).rejects.toMatchObject(foreign);
    expect(await readdir(join(folder, 'outside'))).toEqual(['secret']);
    await symlink(join(folder, 'outside', 'secret'), join(directory, 'file'));
    await expect(store.get('file', options)).rejects.toMatchObject({ code: 'store.unavailable' });
  });

  test('the declared directory itself may be a symbolic link', async () => {
    await mkdir(join(folder, 'real'));
    await symlink(join(folder, 'real'), directory);
    const store = await newStore();
    await store.put('a/b', bodyOf('x'), options);
    expect(await keysOf(store)).toEqual(['a/b']);
    expect((await bytesOf(await store.get('a/b', options))).toString()).toBe('x');
  });

  test('an object and a folder cannot have one name', async () => {
    const store = await newStore();
    await store.put('a', bodyOf('x'), options);
    await store.put('b/c', bodyOf('x'), options);
    for (const ifAbsent of [true, false]) {
      await expect(store.put('a/b', bodyOf('y'), { ...options, ifAbsent })).rejects.toMatchObject({
        code: 'value.invalid',
      });
      await expect(store.put('b', bodyOf('y'), { ...options, ifAbsent })).rejects.toMatchObject({
        code: 'value.invalid',
      });
    }
    expect(await keysOf(store)).toEqual(['a', 'b/c']);
  });
});

describe('removal', () => {
  test('takes emptied folders along, but neither the root nor the hidden folder', async () => {
    const store = await newStore();
    await store.put('a/b/c/d', bodyOf('x'), options);
    await store.put('a/e', bodyOf('x'), options);
    await store.deleteMany(['a/b/c/d'], options);
    expect(await readdir(join(directory, 'a'))).toEqual(['e']);
    await store.deleteMany(['a/e'], options);
    expect(await readdir(directory)).toEqual(['.hoard-store']);
    expect(await keysOf(store)).toEqual([]);
  });
});

describe('unfinished writes', () => {
  test('a process killed in the middle of a put leaves nothing that is seen, and the next opening cleans up', async () => {
    const store = await newStore();
    const child = fork(WRITER, [directory, 'a/b', String(64 * 65_536), '5'], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    for (let piece = 0; piece < 5; piece += 1) await once(child, 'message');
    expect((await readdir(hidden)).length).toBe(1);
    await openLocalStore(directory);
    expect((await readdir(hidden)).length, 'a living writer is left alone').toBe(1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect((await readdir(hidden)).length).toBe(1);
    expect(await keysOf(store)).toEqual([]);
    expect(await store.head('a/b', options)).toBeUndefined();
    await openLocalStore(directory);
    expect(await readdir(hidden)).toEqual([]);
  });

  test('of other hosts are removed after a day', async () => {
    await newStore();
    const name = (n: number): string => join(hidden, `0123456789abcdef.1.1.${n}.tmp`);
    await writeFile(name(1), 'x');
    await writeFile(name(2), 'x');
    await writeFile(join(hidden, 'unknown'), 'x');
    const yesterday = Date.now() / 1000 - 86_400 - 60;
    await utimes(name(1), yesterday, yesterday);
    await openLocalStore(directory);
    expect((await readdir(hidden)).toSorted()).toEqual(['0123456789abcdef.1.1.2.tmp', 'unknown']);
  });

  test('are gone after every kind of failure', async () => {
    const store = await newStore();
    await store.put('a', bodyOf('x'), options);
    await expect(store.put('a', bodyOf('x'), { ...options, ifAbsent: true })).rejects.toThrow('exists');
    await expect(store.put('b', bodyOf('x'), { ...options, size: 2 })).rejects.toThrow('announced');
    await expect(store.put('a/b', bodyOf('x'), options)).rejects.toThrow('a/b');
    expect(await readdir(hidden)).toEqual([]);
  });

  test('objects are readable for their owner and group only', async () => {
    const store = await newStore();
    await store.put('a/b', bodyOf('x'), options);
    expect((await stat(join(directory, 'a'))).mode & 0o007).toBe(0);
    expect((await stat(join(directory, 'a', 'b'))).mode & 0o137).toBe(0);
  });
});

describe('reading', () => {
  test('a file that is cut while it is read is an error', async () => {
    const store = await newStore();
    await store.put('a', bodyOf(pattern(3_000_000)), options);
    const body = await store.get('a', options);
    await writeFile(join(directory, 'a'), 'short');
    await expect(bytesOf(body)).rejects.toMatchObject({ code: 'store.incomplete' });
  });

  test('goes on in the old object when it is replaced or removed meanwhile', async () => {
    const store = await newStore();
    const old = pattern(3_000_000);
    await store.put('a', bodyOf(old), options);
    const first = await store.get('a', options);
    await store.put('a', bodyOf('new'), options);
    const second = await store.get('a', options);
    await store.deleteMany(['a'], options);
    expect((await bytesOf(first)).equals(old)).toBe(true);
    expect((await bytesOf(second)).toString()).toBe('new');
  });
});

describe('failures of the file system', () => {
  // One thread in libuv's pool: strace counts the calls of each thread by itself.
  const single = { encoding: 'utf8', env: { ...process.env, UV_THREADPOOL_SIZE: '1' } } as const;
  const inject = (fault: string, ...args: readonly string[]): string =>
    execFileSync(
      'strace',
      ['-f', '-qq', '-o', '/dev/null', '-e', `inject=${fault}`, process.execPath, WRITER, directory, ...args],
      single,
    );

  test.skipIf(!strace)('an fsync of the content that fails publishes nothing', async () => {
    const store = await newStore();
    expect(inject('fsync:error=EIO:when=1', 'a/b', '100000')).toBe('store.unavailable');
    expect(await keysOf(store)).toEqual([]);
    expect(await readdir(hidden)).toEqual([]);
  });

  test.skipIf(!strace)('an fsync of the directory that fails takes a conditional create back', async () => {
    const store = await newStore();
    expect(inject('fsync:error=EIO:when=2', 'a/b', '100000', '0', 'new')).toBe('store.unavailable');
    expect(await keysOf(store)).toEqual([]);
    expect(inject('fsync:error=EIO:when=3', 'a/b', '100000', '0', 'new')).toBe('store.unavailable');
    expect(await keysOf(store)).toEqual([]);
    expect(inject('fsync:error=EIO:when=9', 'a/b', '100000', '0', 'new')).toBe('stored');
  });

  test.skipIf(!strace).each([
    ['ENOSPC', 'store.full'],
    ['EDQUOT', 'store.full'],
    ['EIO', 'store.unavailable'],
  ])('a write that fails with %s is %s', async (code, failure) => {
    const store = await newStore();
    expect(inject(`pwrite64:error=${code}:when=1`, 'a/b', '100000')).toBe(failure);
    expect(await keysOf(store)).toEqual([]);
    expect(await readdir(hidden)).toEqual([]);
  });

  test.skipIf(!strace)('a link that is denied is store.denied', async () => {
    await newStore();
    expect(inject('link,linkat:error=EACCES', 'a/b', '10', '0', 'new')).toBe('store.denied');
  });

  test.skipIf(!mayMount)('a full disk is store.full, leaves nothing, and works again when there is space', async () => {
    await mkdir(directory);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', directory]);
    try {
      const store = await newStore();
      await store.put('kept', bodyOf(pattern(1_500_000)), options);
      await expect(store.put('a', bodyOf(pattern(400_000), pattern(400_000)), options)).rejects.toMatchObject({
        code: 'store.full',
      });
      expect(await keysOf(store)).toEqual(['kept']);
      expect(await readdir(hidden)).toEqual([]);
      await store.deleteMany(['kept'], options);
      await store.put('a', bodyOf(pattern(800_000)), options);
      expect(await keysOf(store)).toEqual(['a']);
    } finally {
      execFileSync('umount', [directory]);
    }
    await expectAbsent(await openLocalStore(directory));
  });

  test.skipIf(!mayMount)('a read-only mount can be read, and refuses writing', async () => {
    const store = await newStore();
    await store.put('a/b', bodyOf('x'), options);
    execFileSync('mount', ['--bind', directory, directory]);
    try {
      execFileSync('mount', ['-o', 'remount,bind,ro', directory]);
      const readOnly = await openLocalStore(directory);
      expect(await keysOf(readOnly)).toEqual(['a/b']);
      expect((await readOnly.head('a/b', options))?.size).toBe(1);
      expect((await bytesOf(await readOnly.get('a/b', options))).toString()).toBe('x');
      await expect(readOnly.put('c', bodyOf('x'), options)).rejects.toMatchObject({ code: 'store.denied' });
      expect(await readOnly.deleteMany(['a/b'], options)).toMatchObject([
        { kind: 'failed', error: { code: 'store.denied' } },
      ]);
    } finally {
      execFileSync('umount', [directory]);
    }
  });

  test.skipIf(!strace)('a directory that may not be read makes the listing fail, not incomplete', async () => {
    const store = await newStore();
    for (const key of ['a/1', 'b/1', 'c/1']) await store.put(key, bodyOf('x'), options);
    const script = `import { openLocalStore } from ${JSON.stringify(join(import.meta.dirname, '../../../src/storage/local/local-store.ts'))};
      const store = await openLocalStore(process.argv[1]);
      try { for await (const page of store.list('', { signal: new AbortController().signal })) console.log(page.map((i) => i.key).join()); console.log('complete'); }
      catch (error) { console.log(error.code); }`;
    const list = (fault: string): string =>
      execFileSync(
        'strace',
        [
          '-f',
          '-qq',
          '-o',
          '/dev/null',
          ...(fault ? ['-P', join(directory, 'b'), '-e', `inject=${fault}`] : []),
          process.execPath,
          '--input-type=module',
          '-e',
          script,
          directory,
        ],
        single,
      ).trim();
    expect(list('')).toBe('a/1,b/1,c/1\ncomplete');
    expect(list('openat:error=EACCES')).toBe('store.denied');
    expect(list('openat:error=EIO')).toBe('store.unavailable');
    expect(list('getdents64:error=EIO')).toBe('store.unavailable');
    expect(list('openat:error=ENOENT'), 'a directory that vanishes').toBe('a/1,c/1\ncomplete');
  });

  test('says loudly what could not be tested here', () => {
    if (!strace)
      process.stderr.write('NOTICE: strace is missing: failing system calls of the local store were not tested\n');
    if (!mayMount)
      process.stderr.write('NOTICE: not root: full and read-only disks under the local store were not tested\n');
  });
});

test('a lost answer to link() on a network file system is not taken for a loser', async () => {
  // The state such a loss leaves: the target exists and is our own unfinished file. Reproduced by making the link beforehand.
  const store = await newStore();
  async function* body() {
    yield pattern(1000);
    const [temp = ''] = await readdir(hidden);
    await link(join(hidden, temp), join(directory, 'a'));
  }
  await store.put('a', body(), { ...options, ifAbsent: true });
  expect((await readFile(join(directory, 'a'))).length).toBe(1000);
  expect(await readdir(hidden)).toEqual([]);
});
