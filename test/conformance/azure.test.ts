import { randomBytes } from 'node:crypto';
import { ContainerSASPermissions } from '@azure/storage-blob';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { DesiredAzure } from '../../src/domain/desired-storage.ts';
import { openAzureDriver } from '../../src/storage/azure/azure-driver.ts';
import { prefixedStore } from '../../src/storage/prefixed-store.ts';
import type { Body, DriverUpload, StoreDriver } from '../../src/storage/remote/driver.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { type AzuriteServer, hasAzurite, startAzurite } from '../../support/servers/azurite.ts';
import { azureContext, declaredAzure } from './azure-declared.ts';
import { bytesOf, NEVER, pattern } from './bodies.ts';
import { objectStoreConformance } from './object-store.ts';

const options = { signal: NEVER };
const HOUR = 3_600_000;
const put = (change: { readonly ifAbsent?: boolean } = {}) => ({
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

const where = hasAzurite() ? '' : ': support/azurite is not installed';

describe.skipIf(!hasAzurite())(`azurite${where}`, () => {
  objectStoreConformance('a prefix of an Azure container', async () => {
    const server = await startAzurite();
    await server.makeContainer('conformance');
    const context = azureContext(server);
    const driver = await openAzureDriver(declaredAzure(server, 'conformance'), context);
    const limits = createTransferLimits(undefined, context.clock);
    return {
      store: prefixedStore(remoteStore(driver, { ...context, limits, uploadRetries: 3 }), 'some/prefix'),
      remove: async () => server[Symbol.asyncDispose](),
    };
  });
});

describe.skipIf(!hasAzurite())(`Azure on azurite${where}`, () => {
  let server: AzuriteServer;
  const open: StoreDriver[] = [];
  beforeAll(async () => {
    server = await startAzurite();
    await server.makeContainer('plain');
  });
  afterEach(async () => {
    for (const driver of open.splice(0)) await driver.close();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  const driverOf = async (
    change: Partial<DesiredAzure> = {},
    environment: Record<string, string> = {},
  ): Promise<StoreDriver> => {
    const driver = await openAzureDriver(declaredAzure(server, 'plain', change), azureContext(server, environment));
    open.push(driver);
    return driver;
  };
  const sas = async (permissions: string, expiresIn = HOUR): Promise<string> => {
    const container = server.service.getContainerClient('plain');
    const url = await container.generateSasUrl({
      permissions: ContainerSASPermissions.parse(permissions),
      startsOn: new Date(Date.now() - 2 * HOUR),
      expiresOn: new Date(Date.now() + expiresIn),
    });
    return new URL(url).search;
  };
  const SAS = { credentials: { kind: 'sas-token', sasToken: { kind: 'env', name: 'AZURE_SAS' } } } as const;
  const read = async (driver: StoreDriver, key: string, range?: { offset: number; length: number }): Promise<Buffer> =>
    bytesOf((await driver.read(key, { ...options, range, version: undefined })).body);
  const list = (driver: StoreDriver, prefix: string) =>
    driver.listPage(prefix, { ...options, startAfter: undefined, continuation: undefined });
  const upload = async (
    driver: StoreDriver,
    key: string,
    how = put(),
    parts = ['abc', 'def'],
  ): Promise<DriverUpload> => {
    const begun = await driver.beginUpload(key, { ...how, size: undefined });
    // In any order, and one of them twice, as after an answer that was lost.
    for (const index of [1, 0, 0]) {
      const last = index === parts.length - 1;
      await begun.putPart({ index, offset: index * 3, last }, bodyOf(parts[index] ?? ''), options);
    }
    return begun;
  };

  describe('whole puts', () => {
    test.each([
      ['nothing', bodyOf()],
      ['an empty piece', bodyOf(new Uint8Array(0))],
      ['one piece', bodyOf(pattern(70_000).subarray(3, 60_000))],
      ['several pieces', bodyOf('one', pattern(100_000), 'three')],
    ])('of %s come back as they were', async (name, body) => {
      const driver = await driverOf();
      const key = `whole/${name.replaceAll(' ', '-')}`;
      expect(await driver.putWhole(key, body, put())).toMatchObject({ key, size: body.length });
      expect((await read(driver, key)).equals(Buffer.concat(body.pieces))).toBe(true);
      expect(await driver.head(key, options)).toMatchObject({ key, size: body.length });
    });

    test('an earlier attempt of the same put counts as this one, another put does not', async () => {
      const driver = await driverOf();
      const mine = put({ ifAbsent: true });
      const stored = await driver.putWhole('condition/a', bodyOf('mine'), mine);
      expect(await driver.putWhole('condition/a', bodyOf('mine'), mine)).toEqual(stored);
      await expect(driver.putWhole('condition/a', bodyOf('else'), put({ ifAbsent: true }))).rejects.toMatchObject({
        code: 'store.exists',
      });
      expect((await read(driver, 'condition/a')).toString()).toBe('mine');
    });

    test('a body that was damaged on its way is not stored', async () => {
      const driver = await driverOf();
      const bytes = pattern(50_000);
      const body = {
        length: bytes.length,
        // The checksum is taken of the pieces as they are first, and then they are sent as they are by then.
        get pieces() {
          const pieces = [bytes.slice(0, 100), bytes.slice(100)];
          bytes[77] = 255 - (bytes[77] ?? 0);
          return pieces;
        },
      };
      await expect(driver.putWhole('damaged', body, put())).rejects.toThrow(/MD5/);
      expect(await driver.head('damaged', options)).toBeUndefined();
    });
  });

  describe('block lists', () => {
    test('are invisible until they are committed, and a commit may be repeated', async () => {
      const driver = await driverOf();
      for (const how of [put({ ifAbsent: true }), put()]) {
        const key = `blocks/repeated-${String(how.ifAbsent)}`;
        const begun = await upload(driver, key, how);
        expect(await driver.head(key, options)).toBeUndefined();
        expect((await list(driver, key)).objects).toEqual([]);
        const stored = await begun.complete(options);
        expect(stored).toMatchObject({ key, size: 6 });
        expect(await begun.complete(options)).toMatchObject({ key, size: 6 });
        expect((await read(driver, key)).toString()).toBe('abcdef');
      }
    });

    test('of two creators of a key one wins', async () => {
      const driver = await driverOf();
      const first = await upload(driver, 'blocks/created', put({ ifAbsent: true }));
      const second = await upload(driver, 'blocks/created', put({ ifAbsent: true }), ['ABC', 'DEF']);
      await second.complete(options);
      await expect(first.complete(options)).rejects.toMatchObject({ code: 'store.exists' });
      expect((await read(driver, 'blocks/created')).toString()).toBe('ABCDEF');
    });

    test('that another writer has discarded say so', async () => {
      const driver = await driverOf();
      const first = await upload(driver, 'blocks/replaced');
      const second = await upload(driver, 'blocks/replaced', put(), ['ABC', 'DEF']);
      await second.complete(options);
      await expect(first.complete(options)).rejects.toMatchObject({ code: 'store.changed' });
      expect((await read(driver, 'blocks/replaced')).toString()).toBe('ABCDEF');
    });

    test('leave nothing visible when they are given up', async () => {
      const driver = await driverOf();
      await (await upload(driver, 'blocks/aborted')).abort(options);
      expect(await driver.removeAbandonedUploads('', Date.now(), options)).toBe(0);
      expect((await list(driver, 'blocks/aborted')).objects).toEqual([]);
    });
  });

  test('a read of one version fails where there is another by now', async () => {
    const driver = await driverOf();
    await driver.putWhole('version', bodyOf('first'), put());
    const { version, size, body } = await driver.read('version', { ...options, range: undefined, version: undefined });
    await bytesOf(body);
    expect(size).toBe(5);
    const range = { offset: 1, length: 2 };
    expect(await driver.read('version', { ...options, range, version })).toMatchObject({ size: 5, version });
    await driver.putWhole('version', bodyOf('other'), put());
    await expect(driver.read('version', { ...options, range, version })).rejects.toMatchObject({
      code: 'store.changed',
    });
  });

  test('a listing that starts after a key is complete over its pages', async () => {
    const driver = await driverOf();
    const keys = Array.from({ length: 2100 }, (_, index) => `pages/${String(index).padStart(4, '0')}`);
    for (let start = 0; start < keys.length; start += 50) {
      await Promise.all(keys.slice(start, start + 50).map((key) => driver.putWhole(key, bodyOf('x'), put())));
    }
    const found: string[] = [];
    let continuation: string | undefined;
    do {
      const startAfter = continuation === undefined ? keys[1499] : undefined;
      const page = await driver.listPage('pages/', { ...options, startAfter, continuation });
      found.push(...page.objects.map(({ key }) => key));
      continuation = page.next;
    } while (continuation !== undefined);
    expect(found).toEqual(keys.slice(1500));
    const results = await driver.deleteBatch([...keys.slice(0, 200), 'pages/never'], options);
    expect(results).toEqual([...keys.slice(0, 200), 'pages/never'].map((key) => ({ key, kind: 'removed' })));
    expect((await list(driver, 'pages/')).objects[0]?.key).toBe('pages/0200');
  });

  test('an object goes together with its snapshots', async () => {
    const driver = await driverOf();
    for (const key of ['snapshot/a', 'snapshot/b', 'snapshot/c']) {
      await driver.putWhole(key, bodyOf('x'), put());
      await server.service.getContainerClient('plain').getBlobClient(key).createSnapshot();
    }
    expect(await driver.deleteBatch(['snapshot/a'], options)).toMatchObject([{ kind: 'removed' }]);
    expect(await driver.deleteBatch(['snapshot/b', 'snapshot/c'], options)).toMatchObject([
      { kind: 'removed' },
      { kind: 'removed' },
    ]);
    expect((await list(driver, 'snapshot/')).objects).toEqual([]);
  });

  describe('what is wrong is said', () => {
    test('a container that is not there is an absent store, for every operation', async () => {
      const driver = await driverOf({ container: 'nothing-here' });
      const absent = { code: 'store.absent', message: expect.stringContaining('"nothing-here"') };
      await expect(driver.head('a', options)).rejects.toMatchObject(absent);
      await expect(read(driver, 'a')).rejects.toMatchObject(absent);
      await expect(driver.putWhole('a', bodyOf('x'), put())).rejects.toMatchObject(absent);
      await expect(upload(driver, 'a')).rejects.toMatchObject(absent);
      await expect(list(driver, '')).rejects.toMatchObject(absent);
      await expect(driver.deleteBatch(['a'], options)).rejects.toMatchObject(absent);
      await expect(driver.deleteBatch(['a', 'b'], options)).rejects.toMatchObject(absent);
    });

    test('a wrong account key', async () => {
      const driver = await driverOf({}, { AZURE_KEY: Buffer.from('not the key').toString('base64') });
      const denied = { code: 'store.denied', hint: expect.stringContaining('AZURE_KEY') };
      await expect(driver.head('a', options)).rejects.toMatchObject(denied);
      await expect(driver.putWhole('a', bodyOf('x'), put())).rejects.toMatchObject(denied);
      await expect(list(driver, '')).rejects.toMatchObject(denied);
    });

    test('a SAS that has expired, until a new one lies in its place', async () => {
      const environment = { AZURE_SAS: await sas('racwdl', -HOUR) };
      const driver = await driverOf(SAS, environment);
      await expect(driver.head('a', options)).rejects.toMatchObject({
        code: 'store.denied',
        hint: expect.stringContaining('AZURE_SAS'),
      });
      environment.AZURE_SAS = await sas('racwdl');
      expect(await driver.head('a', options)).toBeUndefined();
      await driver.putWhole('sas/a', bodyOf('x'), put());
      await driver.putWhole('sas/b', bodyOf('x'), put());
      expect((await list(driver, 'sas/')).objects).toHaveLength(2);
      expect(await driver.deleteBatch(['sas/a', 'sas/b'], options)).toMatchObject([
        { kind: 'removed' },
        { kind: 'removed' },
      ]);
      expect((await list(driver, 'sas/')).objects).toEqual([]);
    });

    test('a SAS that allows too little', async () => {
      await (await driverOf()).putWhole('little', bodyOf('x'), put());
      const environment = { AZURE_SAS: await sas('r') };
      const driver = await driverOf(SAS, environment);
      expect((await read(driver, 'little')).toString()).toBe('x');
      const denied = { code: 'store.denied', message: expect.stringContaining('AuthorizationPermissionMismatch') };
      await expect(driver.putWhole('little', bodyOf('y'), put())).rejects.toMatchObject(denied);
      await expect(list(driver, '')).rejects.toMatchObject(denied);
      for (const keys of [['little'], ['little', 'other']]) {
        const results = await driver.deleteBatch(keys, options);
        expect(results).toMatchObject(keys.map((key) => ({ key, kind: 'failed', error: denied })));
      }
      expect((await read(driver, 'little')).toString()).toBe('x');
    });

    test('no failure contains the secret', async () => {
      const secret = await sas('r');
      const driver = await driverOf(SAS, { AZURE_SAS: secret });
      const error: unknown = await list(driver, '').catch((thrown: unknown) => thrown);
      const signature = new URLSearchParams(secret).get('sig') ?? '';
      expect(JSON.stringify([error, String(error)])).not.toContain(signature);
      expect(String(error instanceof Error ? error.stack : error)).not.toContain(encodeURIComponent(signature));
    });
  });

  test('an abort ends a request that hangs, with its reason', async () => {
    const driver = await driverOf();
    await driver.head('a', options);
    const abort = new AbortController();
    server.pause();
    try {
      const hanging = driver.head('a', { signal: abort.signal });
      abort.abort(new Error('told to stop'));
      await expect(hanging).rejects.toThrow('told to stop');
    } finally {
      server.resume();
    }
  });

  test('a server that ends in the middle of a body is unavailable, and serves again when it is back', async () => {
    const driver = await driverOf();
    const bytes = pattern(16 * 1024 * 1024);
    await driver.putWhole('long', bodyOf(bytes), put());
    const { body } = await driver.read('long', { ...options, range: undefined, version: undefined });
    const pieces = body[Symbol.asyncIterator]();
    await pieces.next();
    await server.kill();
    const rest = (async () => {
      while ((await pieces.next()).done !== true);
    })();
    await expect(rest).rejects.toMatchObject({ code: 'store.unavailable' });
    await expect(driver.head('long', options)).rejects.toMatchObject({ code: 'store.unavailable' });
    await expect(driver.deleteBatch(['long'], options)).rejects.toMatchObject({ code: 'store.unavailable' });
    await server.restart();
    expect((await read(driver, 'long')).equals(bytes)).toBe(true);
  });
});
