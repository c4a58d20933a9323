import { createHmac, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, link, mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { DesiredSftp } from '../../src/domain/desired-storage.ts';
import { openLocalStore } from '../../src/storage/local/local-store.ts';
import type { Body, StoreDriver } from '../../src/storage/remote/driver.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { createSftpDirectory, openSftpDriver } from '../../src/storage/sftp/sftp-driver.ts';
import { hasSshd, type SshdServer, startSshd } from '../../support/servers/sshd.ts';
import { bytesOf, NEVER, pattern, bodyOf as streamOf } from './bodies.ts';
import { objectStoreConformance } from './object-store.ts';
import { declaredSftp, sftpContext } from './sftp-declared.ts';

const MIB = 1024 * 1024;
const options = { signal: NEVER };
const put = (change: { readonly ifAbsent?: boolean; readonly token?: string } = {}) => ({
  ...options,
  ifAbsent: false,
  unlocked: false,
  token: randomBytes(16).toString('hex'),
  ...change,
});

function bodyOf(...pieces: readonly (Uint8Array | string)[]): Body {
  const all = pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece));
  return { pieces: all, length: all.reduce((sum, piece) => sum + piece.length, 0) };
}

const strace = existsSync('/usr/bin/strace');
const where = hasSshd() ? '' : ': openssh-server is not installed';

describe.skipIf(!hasSshd())(`SFTP on OpenSSH${where}`, () => {
  let server: SshdServer;
  let count = 0;
  const open: StoreDriver[] = [];
  beforeAll(async () => {
    server = await startSshd();
  }, 60_000);
  afterEach(async () => {
    for (const driver of open.splice(0)) await driver.close();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  const opened = async (storage: DesiredSftp, environment: Record<string, string> = {}): Promise<StoreDriver> => {
    const driver = await openSftpDriver(storage, sftpContext(server, environment));
    open.push(driver);
    return driver;
  };
  const created = async (): Promise<{ readonly driver: StoreDriver; readonly folder: string }> => {
    count += 1;
    const storage = declaredSftp(server, `store-${count}`);
    await createSftpDirectory(storage, sftpContext(server));
    return { driver: await opened(storage), folder: storage.directory };
  };
  const read = async (driver: StoreDriver, key: string, range?: { offset: number; length: number }): Promise<Buffer> =>
    bytesOf((await driver.read(key, { ...options, range, version: undefined })).body);
  const hidden = async (folder: string): Promise<string[]> => readdir(join(folder, '.hoard-store'));

  objectStoreConformance('SFTP', async () => {
    const storage = declaredSftp(server, 'conformance');
    const context = sftpContext(server);
    await createSftpDirectory(storage, context);
    const { clock, random, reporter } = context;
    const limits = createTransferLimits(undefined, clock);
    const driver = await openSftpDriver(storage, context);
    return {
      store: remoteStore(driver, { clock, random, reporter, limits, uploadRetries: 3 }),
      remove: async () => rm(storage.directory, { recursive: true }),
    };
  });

  describe('a conditional create', () => {
    test('is promised where files can have two names, which is found out without leaving anything', async () => {
      const { driver, folder } = await created();
      expect(await driver.conditionalCreateLimit(options)).toBe(Number.POSITIVE_INFINITY);
      await expect.poll(async () => hidden(folder)).toEqual([]);
    });

    // What link(2) answers on exFAT and on some networks' file systems.
    test.skipIf(!strace)('is not promised on a file system without hard links', async () => {
      const inject = '-e trace=link,linkat -e inject=link,linkat:error=EPERM';
      const other = await startSshd({ subsystem: (program) => `/usr/bin/strace -f -o /dev/null ${inject} ${program}` });
      try {
        const storage = declaredSftp(other, 'store');
        await createSftpDirectory(storage, sftpContext(other));
        const driver = await openSftpDriver(storage, sftpContext(other));
        open.push(driver);
        expect(await driver.conditionalCreateLimit(options)).toBe(0);
        await expect.poll(async () => hidden(storage.directory)).toEqual([]);
        await driver.putWhole('a', bodyOf('first'), put({ ifAbsent: true }));
        await expect(driver.putWhole('a', bodyOf('second'), put({ ifAbsent: true }))).rejects.toMatchObject({
          code: 'store.exists',
        });
        expect((await read(driver, 'a')).toString()).toBe('first');
      } finally {
        await other[Symbol.asyncDispose]();
      }
    });

    test('cannot be promised or denied where there is no store', async () => {
      const driver = await opened(declaredSftp(server, 'nowhere'));
      await expect(driver.conditionalCreateLimit(options)).rejects.toMatchObject({ code: 'store.absent' });
    });
  });

  describe('puts', () => {
    test('an earlier try of the same create counts as this one, another put does not', async () => {
      const { driver, folder } = await created();
      const mine = put({ ifAbsent: true });
      await driver.putWhole('a/b', bodyOf('mine'), mine);
      // As after an answer that was lost: the hidden name is still there, a link to the object.
      const temp = join(folder, '.hoard-store', `${mine.token}.sftp.tmp`);
      await expect.poll(async () => hidden(folder)).toEqual([]);
      await link(join(folder, 'a/b'), temp);
      expect(await driver.putWhole('a/b', bodyOf('mine'), mine)).toMatchObject({ key: 'a/b', size: 4 });
      await expect(driver.putWhole('a/b', bodyOf('mine'), put({ ifAbsent: true }))).rejects.toMatchObject({
        code: 'store.exists',
      });
      expect((await read(driver, 'a/b')).toString()).toBe('mine');
      await expect.poll(async () => hidden(folder)).toEqual([]);
    });

    test('parts come in any order, over connections that break, and are invisible until the end', async () => {
      const { driver, folder } = await created();
      const parts = [pattern(3 * MIB, 1), pattern(3 * MIB, 2), pattern(77, 3)];
      const upload = await driver.beginUpload('big', { ...put(), size: undefined });
      const send = async (index: number): Promise<void> =>
        upload.putPart({ index, offset: index * 3 * MIB, last: index === 2 }, bodyOf(parts[index] ?? ''), options);
      await send(2);
      await send(0);
      await server.kill();
      await expect(send(1)).rejects.toMatchObject({ code: 'store.unavailable' });
      await server.restart();
      await send(0);
      await send(1);
      expect(await driver.head('big', options)).toBeUndefined();
      expect(await upload.complete(options)).toMatchObject({ key: 'big', size: 6 * MIB + 77 });
      expect(await upload.complete(options)).toMatchObject({ key: 'big', size: 6 * MIB + 77 });
      expect((await read(driver, 'big')).equals(Buffer.concat(parts))).toBe(true);
      expect(await hidden(folder)).toEqual([]);
    });

    test('a server that is killed while it receives is found again by a store', async () => {
      const storage = declaredSftp(server, 'killed');
      const context = sftpContext(server);
      await createSftpDirectory(storage, context);
      const { clock, random, reporter } = context;
      const limits = createTransferLimits(undefined, clock);
      const store = remoteStore(await openSftpDriver(storage, context), {
        clock,
        random,
        reporter,
        limits,
        uploadRetries: 3,
      });
      const body = pattern(20 * MIB);
      let interrupted: Promise<void> | undefined;
      async function* source() {
        for (let start = 0; start < body.length; start += MIB) {
          if (start === 12 * MIB) interrupted = server.kill().then(async () => server.restart());
          yield body.subarray(start, start + MIB);
        }
      }
      await store.put('a', source(), options);
      await interrupted;
      expect((await bytesOf(await store.get('a', options))).equals(body)).toBe(true);
      await store.close();
    });

    test('what nobody has finished is removed by age', async () => {
      const { driver, folder } = await created();
      await driver.beginUpload('never', { ...put(), size: undefined });
      expect(await hidden(folder)).toHaveLength(1);
      expect(await driver.removeAbandonedUploads('', Date.now() - 3_600_000, options)).toBe(0);
      expect(await driver.removeAbandonedUploads('', Date.now() + 3_600_000, options)).toBe(1);
      expect(await hidden(folder)).toEqual([]);
    });
  });

  test('many requests are on their way at once, in both directions', async () => {
    const { driver } = await created();
    const body = pattern(8 * MIB);
    const start = performance.now();
    const upload = await driver.beginUpload('big', { ...put(), size: undefined });
    for (let index = 0; index < 5; index += 1) {
      await upload.putPart({ index, offset: index * 8 * MIB, last: index === 4 }, bodyOf(body), options);
    }
    await upload.complete(options);
    expect((await read(driver, 'big')).length).toBe(40 * MIB);
    const both = performance.now() - start;
    // One at a time takes a minute and a half; a second or two is usual.
    expect(both).toBeLessThan(20_000);
  });

  test('a local store reads what was written here, and the other way round', async () => {
    const { driver, folder } = await created();
    await driver.putWhole('a/b', bodyOf('by sftp'), put());
    const local = await openLocalStore(folder);
    expect((await bytesOf(await local.get('a/b', options))).toString()).toBe('by sftp');
    await local.put('c/d', streamOf('by local'), options);
    expect((await read(driver, 'c/d')).toString()).toBe('by local');
    const page = await driver.listPage('', { ...options, startAfter: undefined, continuation: undefined });
    expect(page.objects.map(({ key }) => key)).toEqual(['a/b', 'c/d']);
  });

  test('a listing is complete over its pages, wherever it begins anew', async () => {
    const { driver, folder } = await created();
    const keys = Array.from({ length: 2100 }, (_, index) => `pages/${String(index).padStart(4, '0')}`);
    await mkdir(join(folder, 'pages'));
    for (const key of keys) await writeFile(join(folder, key), 'x');
    const found: string[] = [];
    let continuation: string | undefined;
    let other = driver;
    do {
      const page = await other.listPage('pages/', { ...options, startAfter: undefined, continuation });
      found.push(...page.objects.map(({ key }) => key));
      continuation = page.next;
      // Another driver has no walk to go on with.
      other = found.length === 1000 ? await opened(declaredSftp(server, `store-${count}`)) : driver;
    } while (continuation !== undefined);
    expect(found).toEqual(keys);
    const results = await driver.deleteBatch(keys.slice(0, 1000), options);
    expect(results.every(({ kind }) => kind === 'removed')).toBe(true);
    await driver.deleteBatch(keys.slice(1000), options);
    expect(await readdir(folder)).toEqual(['.hoard-store']);
  });

  test('a symbolic link in the store is refused', async () => {
    const { driver, folder } = await created();
    await symlink('/etc', join(folder, 'link'));
    const listed = driver.listPage('', { ...options, startAfter: undefined, continuation: undefined });
    await expect(listed).rejects.toMatchObject({ code: 'repository.foreign' });
  });

  test('objects are not for everybody', async () => {
    const { driver, folder } = await created();
    await driver.putWhole('a/b', bodyOf('x'), put());
    expect((await stat(join(folder, 'a/b'))).mode & 0o007).toBe(0);
    expect((await stat(join(folder, 'a'))).mode & 0o007).toBe(0);
  });

  describe('a missing or empty directory', () => {
    test.each(['missing', 'empty'])('that is %s is an absent store, for every operation', async (kind) => {
      count += 1;
      const storage = declaredSftp(server, `absent-${count}`);
      if (kind === 'empty') await mkdir(storage.directory);
      const driver = await opened(storage);
      const absent = { code: 'store.absent' };
      const list = { ...options, startAfter: undefined, continuation: undefined };
      await expect(driver.head('a', options)).rejects.toMatchObject(absent);
      await expect(read(driver, 'a')).rejects.toMatchObject(absent);
      await expect(driver.putWhole('a', bodyOf('x'), put())).rejects.toMatchObject(absent);
      await expect(driver.beginUpload('a', { ...put(), size: undefined })).rejects.toMatchObject(absent);
      await expect(driver.listPage('', list)).rejects.toMatchObject(absent);
      await expect(driver.deleteBatch(['a'], options)).rejects.toMatchObject(absent);
      await expect(driver.removeAbandonedUploads('', Date.now(), options)).rejects.toMatchObject(absent);
    });
  });

  test.skipIf(process.getuid?.() === 0)('a directory without permission says so', async () => {
    const { driver, folder } = await created();
    await chmod(join(folder, '.hoard-store'), 0o500);
    await expect(driver.putWhole('a', bodyOf('x'), put())).rejects.toMatchObject({ code: 'store.denied' });
  });

  describe('credentials', () => {
    const credentials = (change: Partial<DesiredSftp['credentials']>): Partial<DesiredSftp> => ({
      credentials: { ...declaredSftp(server, '').credentials, ...change },
    });
    const trying = async (change: Partial<DesiredSftp>, environment: Record<string, string> = {}) => {
      const storage = declaredSftp(server, 'credentials', change);
      await createSftpDirectory(declaredSftp(server, 'credentials'), sftpContext(server));
      return (await opened(storage, environment)).head('a', options);
    };

    test('a key with its passphrase is accepted', async () => {
      const passphrase = { kind: 'env', name: 'PASSPHRASE' } as const;
      const environment = { SFTP_KEY: server.encryptedKey, PASSPHRASE: server.passphrase };
      expect(await trying(credentials({ passphrase }), environment)).toBeUndefined();
    });

    test.each([
      ['a wrong passphrase', { PASSPHRASE: 'wrong' }, 'PASSPHRASE'],
      ['what is no key', { SFTP_KEY: 'not a key' }, 'SFTP_KEY'],
    ])('%s is refused by name', async (_what, environment, named) => {
      const passphrase = { kind: 'env', name: 'PASSPHRASE' } as const;
      const all = { SFTP_KEY: server.encryptedKey, PASSPHRASE: server.passphrase, ...environment };
      await expect(trying(credentials({ passphrase }), all)).rejects.toMatchObject({
        code: 'store.denied',
        message: expect.stringContaining(`environment variable ${named}`),
      });
    });

    test('a wrong password is refused by name', async () => {
      const password = { kind: 'env', name: 'SFTP_PASSWORD' } as const;
      const tried = trying(credentials({ password, privateKey: undefined }), { SFTP_PASSWORD: 'wrong' });
      await expect(tried).rejects.toMatchObject({
        code: 'store.denied',
        message: expect.stringContaining('environment variable SFTP_PASSWORD'),
      });
    });

    test('a server that does not listen is unavailable', async () => {
      await expect(trying({ port: 1 })).rejects.toMatchObject({ code: 'store.unavailable' });
    });
  });

  describe('host keys', () => {
    const known = async (text: string, knownHosts: 'own' | 'declared' = 'declared') => {
      const home = join(server.folder, `home-${(count += 1)}`);
      const file = join(home, '.ssh/known_hosts');
      await mkdir(join(home, '.ssh'), { recursive: true });
      await writeFile(file, text);
      const storage = declaredSftp(server, 'host-keys', {
        hostKeys: [],
        knownHosts: knownHosts === 'own' ? undefined : file,
      });
      return (await opened(storage, { HOME: home })).head('a', options);
    };
    beforeAll(async () => {
      await createSftpDirectory(declaredSftp(server, 'host-keys'), sftpContext(server));
    });
    const at = () => `[127.0.0.1]:${server.port}`;
    const hashed = () => {
      const salt = randomBytes(20);
      return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(at()).digest('base64')}`;
    };
    const ed25519 = () => server.hostKeys.ed25519.line;
    const OTHER = `ssh-ed25519 ${Buffer.concat([Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0 '), randomBytes(32)]).toString('base64')}`;

    test.each([
      ['of the kind that is not preferred', () => [server.hostKeys.rsa.fingerprint]],
      ['among others', () => [`SHA256:${'a'.repeat(43)}`, server.hostKeys.ed25519.fingerprint]],
    ])('a declared fingerprint %s is accepted', async (_what, hostKeys) => {
      const driver = await opened(declaredSftp(server, 'host-keys', { hostKeys: hostKeys() }));
      expect(await driver.head('a', options)).toBeUndefined();
    });

    test('another fingerprint is refused for good', async () => {
      const driver = await opened(declaredSftp(server, 'host-keys', { hostKeys: [`SHA256:${'a'.repeat(43)}`] }));
      await expect(driver.head('a', options)).rejects.toMatchObject({
        code: 'store.denied',
        message: expect.stringMatching(/is SHA256:.*none of the declared/),
      });
    });

    test.each([
      ['plain', () => `${at()} ${ed25519()}`],
      ['in the own file', () => `${at()} ${ed25519()}`],
      ['hashed', () => `# comment\n${hashed()} ${ed25519()} somebody@somewhere`],
      ['by wildcard', () => `[127.0.*]:${server.port},other ${ed25519()}`],
      ['by the bare name', () => `127.0.0.1 ${ed25519()}`],
      ['of another kind than the preferred', () => `${at()} ${server.hostKeys.rsa.line}`],
      ['beside another key', () => `${at()} ${OTHER}\n${at()} ${ed25519()}`],
    ])('a known host %s is accepted', async (kind, text) => {
      expect(await known(text(), kind === 'in the own file' ? 'own' : 'declared')).toBeUndefined();
    });

    test.each([
      ['unknown', () => `other.example ${ed25519()}`, /is not in/],
      ['excluded', () => `!${at()},!127.0.0.1,* ${ed25519()}`, /is not in/],
      ['changed', () => `${at()} ${OTHER}`, /has changed.*and .*known_hosts has another/],
      ['revoked', () => `${at()} ${ed25519()}\n@revoked * ${ed25519()}`, /marked as revoked/],
    ])('a host that is %s is refused for good', async (_what, text, message) => {
      await expect(known(text())).rejects.toMatchObject({
        code: 'store.denied',
        message: expect.stringMatching(message),
        hint: expect.any(String),
      });
    });
  });
});
