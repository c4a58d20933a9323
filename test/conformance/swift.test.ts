import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { bytesOf as sizeOf } from '../../src/domain/bytes.ts';
import { prefixedStore } from '../../src/storage/prefixed-store.ts';
import type { Body, DriverUpload, StoreDriver } from '../../src/storage/remote/driver.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { openSwiftDriver } from '../../src/storage/swift/swift-driver.ts';
import { type SwiftServer, startSwift, swiftInstalled } from '../../support/servers/swift.ts';
import { bytesOf, NEVER, pattern } from './bodies.ts';
import { objectStoreConformance } from './object-store.ts';
import { declaredSwift, swiftContext } from './swift-declared.ts';

const MIB = 1024 ** 2;
const options = { signal: NEVER };
const token = (): string => randomBytes(16).toString('hex');
const put = (change: { readonly ifAbsent?: boolean; readonly token?: string } = {}) => ({
  ...options,
  ifAbsent: false,
  unlocked: false,
  token: token(),
  ...change,
});

function bodyOf(...pieces: readonly (Uint8Array | string)[]): Body {
  const all = pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece));
  return { pieces: all, length: all.reduce((sum, piece) => sum + piece.length, 0) };
}

const where = swiftInstalled() ? '' : ': the servers of Swift and memcached are not installed';

describe.skipIf(!swiftInstalled())(`OpenStack Swift${where}`, () => {
  let swift: SwiftServer;
  let container = '';
  const open: StoreDriver[] = [];
  beforeAll(async () => {
    // Five segments make a manifest of manifests; with Swift's own limit it takes a thousand.
    swift = await startSwift({ maxManifestSegments: 4 });
  }, 90_000);
  afterEach(async () => {
    for (const driver of open.splice(0)) await driver.close();
  });
  afterAll(async () => {
    await swift?.[Symbol.asyncDispose]();
  });

  const newContainer = async (): Promise<string> => {
    container = `test-${randomBytes(4).toString('hex')}`;
    await swift.makeContainer(container);
    return container;
  };
  const driverOf = async (
    place: string,
    change: Parameters<typeof declaredSwift>[2] = {},
    key = swift.key,
  ): Promise<StoreDriver> => {
    const driver = await openSwiftDriver(declaredSwift(swift.authUrl, place, change), swiftContext(key));
    open.push(driver);
    return driver;
  };
  const emptyDriver = async (change: Parameters<typeof declaredSwift>[2] = {}): Promise<StoreDriver> =>
    driverOf(await newContainer(), change);
  const read = async (driver: StoreDriver, key: string, range?: { offset: number; length: number }): Promise<Buffer> =>
    bytesOf((await driver.read(key, { ...options, range, version: undefined })).body);
  const keysBelow = async (driver: StoreDriver, prefix: string): Promise<string[]> => {
    const keys: string[] = [];
    let continuation: string | undefined;
    do {
      const page = await driver.listPage(prefix, { ...options, startAfter: undefined, continuation });
      keys.push(...page.objects.map((info) => info.key));
      continuation = page.next;
    } while (continuation !== undefined);
    return keys;
  };
  /** What is in the container of segments, without the random name of each upload. */
  const segments = async (): Promise<string[]> => {
    const answer = await swift.request('GET', `/${container}_segments`);
    const text = answer.ok ? await answer.text() : '';
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.replace(/[0-9a-f]{32}/, '*'));
  };
  const send = async (
    driver: StoreDriver,
    key: string,
    parts: readonly Uint8Array[],
    how = put(),
  ): Promise<DriverUpload> => {
    const upload = await driver.beginUpload(key, { ...how, size: undefined });
    let offset = 0;
    for (const [index, part] of parts.entries()) {
      const body = bodyOf(part.subarray(0, 100), part.subarray(100));
      await upload.putPart({ index, offset, last: index === parts.length - 1 }, body, options);
      offset += part.length;
    }
    return upload;
  };
  const THREE = [pattern(MIB, 1), pattern(MIB, 2), pattern(1234, 3)];

  objectStoreConformance('a prefix of a Swift container', async () => {
    const place = `suite-${randomBytes(4).toString('hex')}`;
    await swift.makeContainer(place);
    const context = swiftContext(swift.key);
    const driver = await openSwiftDriver(declaredSwift(swift.authUrl, place), context);
    const limits = createTransferLimits(undefined, context.clock);
    return {
      store: prefixedStore(remoteStore(driver, { ...context, limits, uploadRetries: 3 }), 'some/prefix'),
      // All of it goes with the server.
      remove: async () => undefined,
    };
  });

  describe('whole puts', () => {
    test.each([
      ['nothing', bodyOf()],
      ['an empty piece', bodyOf(new Uint8Array(0))],
      ['one piece', bodyOf('one')],
      ['several pieces', bodyOf('one', pattern(1_000_000), 'three')],
    ])('of %s come back as they were', async (_, body) => {
      const driver = await emptyDriver();
      const info = await driver.putWhole('some/key', body, put());
      expect(info).toMatchObject({ key: 'some/key', size: body.length });
      expect(Math.abs(info.storedAt - Date.now())).toBeLessThan(60_000);
      expect((await read(driver, 'some/key')).equals(Buffer.concat(body.pieces))).toBe(true);
      expect(await driver.head('some/key', options)).toMatchObject({ key: 'some/key', size: body.length });
    });

    test('an earlier attempt of the same put counts as this one, another put does not', async () => {
      const driver = await emptyDriver();
      const mine = put({ ifAbsent: true });
      await driver.putWhole('a', bodyOf('mine'), mine);
      expect(await driver.putWhole('a', bodyOf('mine'), mine)).toMatchObject({ key: 'a', size: 4 });
      await expect(driver.putWhole('a', bodyOf('other'), put({ ifAbsent: true }))).rejects.toMatchObject({
        code: 'store.exists',
      });
      expect((await read(driver, 'a')).toString()).toBe('mine');
    });

    test('a body that was damaged on its way is refused', async () => {
      const driver = await emptyDriver();
      const body = bodyOf(pattern(50_000));
      // What the checksum was taken of is not what is sent: the bytes change between the two.
      const sent = driver.putWhole('damaged', body, put());
      body.pieces[0]?.fill(0);
      await expect(sent).rejects.toMatchObject({ code: 'store.unavailable', message: expect.stringContaining('MD5') });
      expect(await driver.head('damaged', options)).toBeUndefined();
    });
  });

  describe('objects in segments', () => {
    test('appear whole, with the size of the whole in listings, and their segments in no listing', async () => {
      const driver = await emptyDriver();
      const upload = await send(driver, 'large/a', THREE);
      expect(await driver.head('large/a', options)).toBeUndefined();
      expect(await keysBelow(driver, '')).toEqual([]);
      const size = 2 * MIB + 1234;
      expect(await upload.complete(options)).toMatchObject({ key: 'large/a', size });
      expect((await read(driver, 'large/a')).equals(Buffer.concat(THREE))).toBe(true);
      const page = await driver.listPage('', { ...options, startAfter: undefined, continuation: undefined });
      expect(page.objects).toMatchObject([{ key: 'large/a', size }]);
      expect(await driver.head('large/a', options)).toMatchObject({ size });
      expect(await segments()).toEqual([0, 1, 2].map((index) => `large/a/*/0000000${index}`));
    });

    test('give ranges over the boundaries of segments, and only of the version that is wanted', async () => {
      const driver = await emptyDriver();
      await (await send(driver, 'a', THREE)).complete(options);
      const whole = Buffer.concat(THREE);
      for (const range of [
        { offset: MIB - 3, length: 6 },
        { offset: 0, length: MIB + 1 },
        { offset: MIB, length: MIB },
        { offset: 10, length: 2 * MIB + 1000 },
        { offset: whole.length - 1, length: 1 },
      ])
        expect((await read(driver, 'a', range)).equals(whole.subarray(range.offset, range.offset + range.length))).toBe(
          true,
        );
      const range = { offset: 1, length: 5 };
      const { version, size, body } = await driver.read('a', { ...options, range, version: undefined });
      expect(size).toBe(whole.length);
      expect((await bytesOf(body)).length).toBe(5);
      const again = await driver.read('a', { ...options, range, version });
      expect((await bytesOf(again.body)).equals(whole.subarray(1, 6))).toBe(true);
      await driver.putWhole('a', bodyOf('something else'), put());
      await expect(driver.read('a', { ...options, range, version })).rejects.toMatchObject({ code: 'store.changed' });
    });

    test('of more segments than a manifest may list are manifests of manifests', async () => {
      const driver = await emptyDriver();
      const parts = Array.from({ length: 11 }, (_, index) => pattern(MIB, index + 1));
      const upload = await send(driver, 'a', parts);
      expect(await upload.complete(options)).toMatchObject({ size: 11 * MIB });
      expect((await read(driver, 'a')).equals(Buffer.concat(parts))).toBe(true);
      const range = { offset: 4 * MIB - 2, length: 4 };
      expect(
        (await read(driver, 'a', range)).equals(Buffer.concat(parts).subarray(range.offset, range.offset + 4)),
      ).toBe(true);
      expect((await segments()).slice(-3)).toEqual([0, 1, 2].map((index) => `a/*/manifest-000${index}`));
      expect(await driver.removeAbandonedUploads('', Date.now() + 3_600_000, options)).toBe(0);
      expect(await driver.deleteBatch(['a'], options)).toEqual([{ key: 'a', kind: 'removed' }]);
      expect(await segments()).toEqual([]);
    });

    test('a completion whose answer was lost can be repeated', async () => {
      const driver = await emptyDriver();
      for (const ifAbsent of [true, false]) {
        const upload = await send(driver, `a-${ifAbsent}`, THREE, put({ ifAbsent }));
        const info = await upload.complete(options);
        expect(await upload.complete(options)).toMatchObject({ key: info.key, size: info.size });
        // What may be visible is not taken away.
        await upload.abort(options);
        expect((await read(driver, info.key)).equals(Buffer.concat(THREE))).toBe(true);
      }
    });

    test('do not replace what another put created meanwhile', async () => {
      const driver = await emptyDriver();
      const upload = await send(driver, 'a', THREE, put({ ifAbsent: true }));
      await driver.putWhole('a', bodyOf('first'), put());
      await expect(upload.complete(options)).rejects.toMatchObject({ code: 'store.exists' });
      await upload.abort(options);
      expect((await read(driver, 'a')).toString()).toBe('first');
      expect(await segments()).toEqual([]);
    });

    test('are not completed when a segment is missing', async () => {
      const driver = await emptyDriver();
      const upload = await send(driver, 'a', THREE);
      await upload.abort(options);
      await expect(upload.complete(options)).rejects.toMatchObject({ code: 'store.incomplete' });
      expect(await driver.head('a', options)).toBeUndefined();
    });

    test('that nobody completed are removed by age and prefix; what manifests name stays, whatever became of their metadata', async () => {
      const driver = await emptyDriver();
      for (const key of ['a/plain', 'a/posted']) await (await send(driver, key, THREE)).complete(options);
      // POST replaces all metadata, as `swift post` of another tool would.
      await swift.request('POST', `/${container}/a/posted`, { 'X-Object-Meta-Other': 'x' });
      await send(driver, 'a/left', THREE);
      await send(driver, 'a/plain', THREE);
      const running = await send(driver, 'ab', THREE);
      expect(await driver.removeAbandonedUploads('a/', Date.now() - 3_600_000, options)).toBe(0);
      expect(await driver.removeAbandonedUploads('a/', Date.now() + 3_600_000, options)).toBe(2);
      expect(await driver.removeAbandonedUploads('a/', Date.now() + 3_600_000, options)).toBe(0);
      await running.complete(options);
      for (const key of ['a/plain', 'a/posted', 'ab'])
        expect((await read(driver, key)).equals(Buffer.concat(THREE))).toBe(true);
      expect(await segments()).toHaveLength(9);
    });

    test('that are replaced leave segments behind, which count as abandoned', async () => {
      const driver = await emptyDriver();
      await (await send(driver, 'a', THREE)).complete(options);
      await driver.putWhole('a', bodyOf('small now'), put());
      expect(await driver.removeAbandonedUploads('', Date.now() + 3_600_000, options)).toBe(1);
      expect(await segments()).toEqual([]);
      expect((await read(driver, 'a')).toString()).toBe('small now');
    });

    test('have segments no larger than the policy says', async () => {
      const driver = await emptyDriver({ segmentSize: sizeOf(2 * MIB) });
      expect(driver.sizes.whole).toBe(2 * MIB);
      expect(driver.sizes.part(0, undefined)).toBe(2 * MIB);
      expect(driver.sizes.part(500_000, undefined)).toBe(2 * MIB);
      const usual = await emptyDriver();
      expect(usual.sizes.part(0, 1024 ** 4)).toBe(8 * MIB);
      expect(usual.sizes.largest).toBeGreaterThan(5 * 1024 ** 4);
    });
  });

  describe('removal', () => {
    test('takes segments along, and leaves those of an upload that is going on', async () => {
      const driver = await emptyDriver();
      await driver.putWhole('x/small', bodyOf('small'), put());
      for (const key of ['x/large', 'x/large-too', 'y/kept']) await (await send(driver, key, THREE)).complete(options);
      const running = await send(driver, 'x/large', THREE);
      const keys = ['x/large-too', 'x/none', 'x/small', 'x/large'];
      expect(await driver.deleteBatch(keys, options)).toEqual(keys.map((key) => ({ key, kind: 'removed' })));
      expect(await keysBelow(driver, '')).toEqual(['y/kept']);
      expect(await segments()).toHaveLength(6);
      await running.complete(options);
      expect((await read(driver, 'x/large')).equals(Buffer.concat(THREE))).toBe(true);
      expect((await read(driver, 'y/kept')).equals(Buffer.concat(THREE))).toBe(true);
    });

    test('says for each key why it was not removed', async () => {
      const driver = await emptyDriver();
      await driver.putWhole('a', bodyOf('x'), put());
      await swift.request('POST', `/${container}`, { 'X-Container-Read': 'test:reader' });
      const reader = { user: 'test:reader', userId: undefined, key: { kind: 'env', name: 'SWIFT_KEY' } } as const;
      const other = await driverOf(container, { credentials: reader }, 'reading');
      expect((await read(other, 'a')).toString()).toBe('x');
      const denied = { code: 'store.denied', hint: expect.stringContaining('environment variable SWIFT_KEY') };
      await expect(other.putWhole('b', bodyOf('x'), put())).rejects.toMatchObject(denied);
      await expect(other.deleteBatch(['a', 'b'], options).then(raise)).rejects.toMatchObject(denied);
      expect(await keysBelow(driver, '')).toEqual(['a']);
    });
  });

  describe('refusals', () => {
    test('a container that is not there is an absent store for every request, and nothing is made', async () => {
      container = 'no-such-container';
      const driver = await driverOf(container);
      const absent = { code: 'store.absent', hint: expect.stringContaining('swift post no-such-container') };
      await expect(driver.head('a', options)).rejects.toMatchObject(absent);
      await expect(read(driver, 'a')).rejects.toMatchObject(absent);
      await expect(keysBelow(driver, '')).rejects.toMatchObject(absent);
      await expect(driver.putWhole('a', bodyOf('x'), put())).rejects.toMatchObject(absent);
      await expect(send(driver, 'a', THREE)).rejects.toMatchObject(absent);
      await expect(driver.deleteBatch(['a'], options)).rejects.toMatchObject(absent);
      await expect(driver.removeAbandonedUploads('', 0, options)).rejects.toMatchObject(absent);
      expect((await swift.request('HEAD', `/${container}_segments`)).status).toBe(404);
    });

    test('a wrong key names where it came from, and not itself', async () => {
      const driver = await driverOf(await newContainer(), {}, 'not-the-key');
      const error = await driver.head('a', options).catch((problem: unknown) => problem);
      expect(error).toMatchObject({
        code: 'store.denied',
        message: expect.stringContaining('environment variable SWIFT_KEY'),
      });
      expect(String(error)).not.toContain('not-the-key');
    });

    test('a token that is not accepted any more is replaced, once for all requests that wait', async () => {
      const driver = await emptyDriver();
      await driver.putWhole('a', bodyOf('before'), put());
      const upload = await driver.beginUpload('large', { ...put(), size: undefined });
      await upload.putPart({ index: 0, offset: 0, last: false }, bodyOf(pattern(MIB, 1)), options);
      await swift.forgetTokens();
      const [found] = await Promise.all([
        read(driver, 'a'),
        driver.head('a', options),
        driver.putWhole('b', bodyOf(pattern(3 * MIB)), put()),
        upload.putPart({ index: 1, offset: MIB, last: true }, bodyOf(pattern(MIB, 2)), options),
        keysBelow(driver, ''),
      ]);
      expect(found?.toString()).toBe('before');
      await swift.forgetTokens();
      expect(await upload.complete(options)).toMatchObject({ size: 2 * MIB });
      await swift.forgetTokens();
      expect(await driver.deleteBatch(['a', 'b', 'large'], options)).toHaveLength(3);
      expect(await keysBelow(driver, '')).toEqual([]);
    });

    test('a quota that is used up is a full store', async () => {
      const driver = await emptyDriver();
      await swift.request('POST', `/${container}`, { 'X-Container-Meta-Quota-Bytes': '1000' });
      await expect(driver.putWhole('a', bodyOf(pattern(5000)), put())).rejects.toMatchObject({ code: 'store.full' });
    });

    test('a range beyond the end is an error', async () => {
      const driver = await emptyDriver();
      await driver.putWhole('a', bodyOf('ten bytes.'), put());
      for (const range of [
        { offset: 0, length: 11 },
        { offset: 10, length: 1 },
        { offset: 500, length: 2 },
      ])
        await expect(read(driver, 'a', range)).rejects.toMatchObject({ code: 'store.incomplete' });
    });
  });

  test('a proxy that is killed and started again loses nothing that was answered', async () => {
    const driver = await emptyDriver();
    const upload = await send(driver, 'large', THREE);
    await driver.putWhole('a', bodyOf('stored'), put());
    await swift.kill();
    await expect(driver.putWhole('b', bodyOf('x'), put())).rejects.toMatchObject({ code: 'store.unavailable' });
    await expect(read(driver, 'a')).rejects.toMatchObject({ code: 'store.unavailable' });
    await expect(driver.deleteBatch(['a'], options)).rejects.toMatchObject({ code: 'store.unavailable' });
    await expect(upload.complete(options)).rejects.toMatchObject({ code: 'store.unavailable' });
    await swift.restart();
    expect(await upload.complete(options)).toMatchObject({ size: 2 * MIB + 1234 });
    expect((await read(driver, 'a')).toString()).toBe('stored');
    expect(await keysBelow(driver, '')).toEqual(['a', 'large']);
  });

  test('a request that waits for a proxy that hangs ends with the reason of its signal', async () => {
    const driver = await emptyDriver();
    await driver.putWhole('a', bodyOf('stored'), put());
    swift.pause();
    try {
      const signal = AbortSignal.timeout(50);
      const failed = await driver.head('a', { signal }).catch((problem: unknown) => problem);
      expect(failed).toBe(signal.reason);
    } finally {
      swift.resume();
    }
    expect((await read(driver, 'a')).toString()).toBe('stored');
  });
});

describe.skipIf(!swiftInstalled())(`a Swift that cannot do everything${where}`, () => {
  test('has objects removed one by one, and refuses large ones', async () => {
    await using swift = await startSwift({ without: ['bulk', 'slo'] });
    await swift.makeContainer('box');
    const driver = await openSwiftDriver(declaredSwift(swift.authUrl, 'box'), swiftContext(swift.key));
    try {
      const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);
      await Promise.all(keys.slice(0, 30).map((key) => driver.putWhole(key, bodyOf(key), put())));
      expect(await driver.deleteBatch(keys, options)).toEqual(keys.map((key) => ({ key, kind: 'removed' })));
      const page = await driver.listPage('', { ...options, startAfter: undefined, continuation: undefined });
      expect(page).toEqual({ objects: [], next: undefined });
      await expect(driver.beginUpload('large', { ...put(), size: undefined })).rejects.toMatchObject({
        code: 'store.rejected',
        hint: expect.stringContaining('slo'),
      });
    } finally {
      await driver.close();
    }
  }, 90_000);
});

/** The error of the first key that was not removed. */
function raise(results: readonly { readonly kind: string; readonly error?: Error }[]): never {
  throw results.find((result) => result.kind === 'failed')?.error ?? new Error('nothing failed');
}
