import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { DesiredGcs } from '../../src/domain/desired-storage.ts';
import { openGcsDriver } from '../../src/storage/gcs/gcs-driver.ts';
import { prefixedStore } from '../../src/storage/prefixed-store.ts';
import type { Body, DriverPutOptions, StoreDriver } from '../../src/storage/remote/driver.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { RetryAfter } from '../../src/storage/remote/retry-after.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { type GcsServer, startGcsServer } from '../../support/servers/gcs/gcs-server.ts';
import { bytesOf, NEVER, pattern } from './bodies.ts';
import { declaredGcs, gcsContext } from './gcs-declared.ts';
import { objectStoreConformance } from './object-store.ts';

const MIB = 1024 * 1024;
const GRANULE = 256 * 1024;
const options = { signal: NEVER };
const put = (change: Partial<DriverPutOptions> = {}): DriverPutOptions => ({
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

objectStoreConformance(
  'a prefix of a Google Cloud Storage bucket',
  async () => {
    const server = await startGcsServer();
    server.makeBucket('conformance');
    const context = gcsContext(server);
    const driver = await openGcsDriver(declaredGcs(server, 'conformance'), context);
    const limits = createTransferLimits(undefined, context.clock);
    return {
      store: prefixedStore(remoteStore(driver, { ...context, limits, uploadRetries: 3 }), 'some/prefix'),
      remove: async () => server[Symbol.asyncDispose](),
    };
  },
  // The server keeps everything in this process.
  { held: 1024 * MIB },
);

describe('Google Cloud Storage', () => {
  let server: GcsServer;
  let environment: Record<string, string>;
  let now = 0;
  const opened: StoreDriver[] = [];

  beforeEach(async () => {
    now = 0;
    environment = {};
    server = await startGcsServer({ now: () => Date.now() + now });
    server.makeBucket('b');
  });

  afterEach(async () => {
    for (const driver of opened.splice(0)) await driver.close();
    await server[Symbol.asyncDispose]();
  });

  async function open(change: Partial<DesiredGcs> = {}): Promise<StoreDriver> {
    const driver = await openGcsDriver(declaredGcs(server, 'b', change), gcsContext(server, environment));
    opened.push(driver);
    return driver;
  }

  const readAll = async (driver: StoreDriver, key: string): Promise<Buffer> =>
    bytesOf((await driver.read(key, { ...options, range: undefined, version: undefined })).body);

  describe('credentials', () => {
    test('opening asks for nothing, and a token is asked for once', async () => {
      const driver = await open();
      expect(server.requests).toEqual([]);
      await Promise.all(['a', 'b', 'c'].map(async (key) => driver.putWhole(key, bodyOf('x'), put())));
      expect(server.tokens.issued).toBe(1);
    });

    test('an expired token, and one that is refused early, are renewed', async () => {
      const driver = await open();
      await driver.putWhole('a', bodyOf('x'), put());
      server.tokens.revokeTokens();
      await driver.putWhole('a', bodyOf('y'), put());
      expect(server.tokens.issued).toBe(2);
      server.tokens.lifetime = 1;
      server.tokens.revokeTokens();
      expect((await readAll(driver, 'a')).toString()).toBe('y');
      now += 10_000;
      expect((await readAll(driver, 'a')).toString()).toBe('y');
      expect(server.tokens.issued).toBeGreaterThan(3);
    });

    test('a key that was replaced is read again', async () => {
      const driver = await open();
      await driver.putWhole('a', bodyOf('x'), put());
      server.tokens.removeKeys();
      server.tokens.revokeTokens();
      await expect(driver.head('a', options)).rejects.toMatchObject({
        code: 'store.denied',
        message: expect.stringMatching(/environment variable GCS_KEY: invalid_grant.*account not found/),
      });
      environment['GCS_KEY'] = server.tokens.createKey(`${server.endpoint}/token`);
      expect(await driver.head('a', options)).toMatchObject({ size: 1 });
    });

    test('a key of another signature is refused by name, and no part of it is told', async () => {
      const key = JSON.parse(server.keyFile) as Record<string, string>;
      const other = JSON.parse(server.tokens.createKey('x', 'other')) as Record<string, string>;
      environment['GCS_KEY'] = JSON.stringify({ ...key, private_key: other['private_key'] });
      const driver = await open();
      const failure: unknown = await driver.head('a', options).catch((error: unknown) => error);
      expect(failure).toMatchObject({
        code: 'store.denied',
        message:
          'Google refused the credentials from environment variable GCS_KEY: invalid_grant (Invalid JWT Signature.)',
      });
    });

    test('a private key that cannot be read is no trouble of the network', async () => {
      environment['GCS_KEY'] = JSON.stringify({ ...JSON.parse(server.keyFile), private_key: 'torn' });
      await expect((await open()).head('a', options)).rejects.toMatchObject({
        code: 'store.denied',
        message: expect.stringMatching(/environment variable GCS_KEY cannot be used: (?!.*torn)/),
      });
    });

    test('left out, those of the machine are used, and what is missing there is said', async () => {
      const metadata = createServer((request, response) => {
        const isToken = request.url?.includes('/token') === true;
        response.writeHead(200, {
          'metadata-flavor': 'Google',
          'content-type': isToken ? 'application/json' : 'text/plain',
        });
        response.end(isToken ? JSON.stringify(server.tokens.issue('machine@hoard-test')) : 'x');
      });
      await new Promise<void>((resolve) => metadata.listen(0, '127.0.0.1', resolve));
      try {
        vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '/nowhere/key.json');
        await expect((await open({ keyFile: undefined })).head('a', options)).rejects.toMatchObject({
          code: 'store.denied',
          message: expect.stringContaining('/nowhere/key.json'),
        });
        vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', undefined);
        vi.stubEnv('HOME', '/nowhere');
        // Spares the library's looking at every address that a metadata server may have.
        vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present');
        vi.stubEnv('GCE_METADATA_HOST', `127.0.0.1:${(metadata.address() as AddressInfo).port}`);
        const driver = await open({ keyFile: undefined, project: undefined });
        expect(await driver.head('a', options)).toBeUndefined();
        expect(server.tokens.issued).toBe(1);
      } finally {
        vi.unstubAllEnvs();
        metadata.close();
        metadata.closeAllConnections();
      }
    });

    test.each([
      ['no JSON', 'secret'],
      ['another kind of credentials', '{"type":"authorized_user","refresh_token":"x"}'],
    ])('%s is no key', async (_name, value) => {
      environment['GCS_KEY'] = value;
      const failure = (await open()).head('a', options);
      await expect(failure).rejects.toMatchObject({
        code: 'store.denied',
        message: expect.not.stringContaining('secret"'),
      });
    });

    test('a token that the server refuses for ever is denied, with the reference', async () => {
      const driver = await open();
      server.faults.next({ kind: 'status', status: 401 }, 'GET', /\/o\/a/, 2);
      await expect(driver.head('a', options)).rejects.toMatchObject({
        code: 'store.denied',
        hint: expect.stringContaining('environment variable GCS_KEY'),
      });
    });

    test('a busy token endpoint is a passing trouble, and asked once a call', async () => {
      const driver = await open();
      server.faults.next({ kind: 'status', status: 503 }, 'POST', /token/);
      await expect(driver.head('a', options)).rejects.toMatchObject({
        code: 'store.unavailable',
        message: expect.stringContaining('503'),
      });
      expect(server.requests).toHaveLength(1);
      expect(await driver.head('a', options)).toBeUndefined();
    });

    test('a missing permission is told in the words of the service', async () => {
      const driver = await open();
      server.faults.next({ kind: 'status', status: 403 }, 'GET', /\/o\/a/);
      await expect(driver.head('a', options)).rejects.toMatchObject({
        code: 'store.denied',
        message: expect.stringContaining('Backend Error'),
      });
    });
  });

  test('an absent bucket is not an absent object', async () => {
    const driver = await open({ bucket: 'other' });
    const absent = { code: 'store.absent', hint: expect.stringContaining('gs://other --project=hoard-test') };
    await expect(driver.head('a', options)).rejects.toMatchObject(absent);
    await expect(readAll(driver, 'a')).rejects.toMatchObject(absent);
    await expect(driver.putWhole('a', bodyOf('x'), put())).rejects.toMatchObject(absent);
    await expect(driver.beginUpload('a', { ...put(), size: undefined })).rejects.toMatchObject(absent);
    await expect(driver.deleteBatch(['a'], options)).rejects.toMatchObject(absent);
    await expect(
      driver.listPage('', { ...options, startAfter: undefined, continuation: undefined }),
    ).rejects.toMatchObject(absent);
  });

  describe('a conditional create', () => {
    test('whose answer was lost is the success that it was', async () => {
      const driver = await open();
      const options = put({ ifAbsent: true });
      server.faults.next({ kind: 'lose-answer' }, 'POST', /uploadType=multipart/);
      await expect(driver.putWhole('a', bodyOf('x'), options)).rejects.toMatchObject({ code: 'store.unavailable' });
      expect(await driver.putWhole('a', bodyOf('x'), options)).toMatchObject({ key: 'a', size: 1 });
      await expect(driver.putWhole('a', bodyOf('x'), put({ ifAbsent: true }))).rejects.toMatchObject({
        code: 'store.exists',
      });
    });

    test('in parts loses against one that was faster', async () => {
      const driver = await open();
      const upload = await driver.beginUpload('a', { ...put({ ifAbsent: true }), size: undefined });
      await upload.putPart({ index: 0, offset: 0, last: true }, bodyOf('slow'), options);
      await driver.putWhole('a', bodyOf('fast'), put());
      await expect(upload.complete(options)).rejects.toMatchObject({ code: 'store.exists' });
      expect((await readAll(driver, 'a')).toString()).toBe('fast');
    });
  });

  describe('an upload in parts', () => {
    const content = pattern(2 * MIB + 1000);
    const parts = [content.subarray(0, MIB), content.subarray(MIB)] as const;

    test('is visible when it is completed and not before; the last part may be even or not', async () => {
      const driver = await open();
      for (const whole of [content, content.subarray(0, 2 * MIB), content.subarray(0, MIB + 10), Buffer.alloc(0)]) {
        const upload = await driver.beginUpload('a', { ...put(), size: whole.length });
        await upload.putPart(
          { index: 0, offset: 0, last: whole.length <= MIB },
          bodyOf(whole.subarray(0, MIB)),
          options,
        );
        if (whole.length > MIB) {
          await upload.putPart({ index: 1, offset: MIB, last: true }, bodyOf(whole.subarray(MIB)), options);
        }
        expect(await driver.head('a', options)).toBeUndefined();
        expect(await upload.complete(options)).toMatchObject({ key: 'a', size: whole.length });
        expect((await readAll(driver, 'a')).equals(whole)).toBe(true);
        await driver.deleteBatch(['a'], options);
      }
      expect(server.api.sessions.open).toBe(0);
    });

    test('whose connection broke in a part sends what is missing only', async () => {
      const driver = await open();
      const upload = await driver.beginUpload('a', { ...put(), size: undefined });
      await upload.putPart({ index: 0, offset: 0, last: false }, bodyOf(parts[0]), options);
      server.faults.next({ kind: 'cut-request', after: 2 * GRANULE + 5 }, 'PUT', /upload_id/);
      const part = { index: 1, offset: MIB, last: true };
      await expect(upload.putPart(part, bodyOf(parts[1]), options)).rejects.toMatchObject({
        code: 'store.unavailable',
      });
      const before = server.requests.length;
      await upload.putPart(part, bodyOf(parts[1]), options);
      expect(server.requests.slice(before).map(({ range, bytes }) => [range, bytes])).toEqual([
        ['bytes */*', 0],
        [`bytes ${MIB + 2 * GRANULE}-${2 * MIB - 1}/*`, 2 * GRANULE],
      ]);
      await upload.complete(options);
      expect((await readAll(driver, 'a')).equals(content)).toBe(true);
    });

    test('whose answer to a part was lost sends nothing of it again', async () => {
      const driver = await open();
      const upload = await driver.beginUpload('a', { ...put(), size: undefined });
      server.faults.next({ kind: 'lose-answer' }, 'PUT', /upload_id/);
      const part = { index: 0, offset: 0, last: false };
      await expect(upload.putPart(part, bodyOf(parts[0]), options)).rejects.toMatchObject({
        code: 'store.unavailable',
      });
      const before = server.requests.length;
      await upload.putPart(part, bodyOf(parts[0]), options);
      expect(server.requests.slice(before).map(({ range }) => range)).toEqual(['bytes */*']);
    });

    test('whose answer to the completion was lost is found complete, even where the session is gone', async () => {
      const driver = await open();
      for (const gone of [false, true]) {
        const upload = await driver.beginUpload('a', { ...put({ ifAbsent: !gone }), size: undefined });
        await upload.putPart({ index: 0, offset: 0, last: true }, bodyOf(content), options);
        server.faults.next({ kind: 'lose-answer' }, 'PUT', /upload_id/);
        await expect(upload.complete(options)).rejects.toMatchObject({ code: 'store.unavailable' });
        if (gone) server.faults.next({ kind: 'status', status: 410 }, 'PUT', /upload_id/);
        expect(await upload.complete(options)).toMatchObject({ size: content.length });
      }
    });

    test('whose session the service has forgotten fails, and is not tried again', async () => {
      const driver = await open();
      const upload = await driver.beginUpload('a', { ...put(), size: undefined });
      server.faults.next({ kind: 'status', status: 404 }, 'PUT', /upload_id/, 2);
      const part = { index: 0, offset: 0, last: true };
      await expect(upload.putPart(part, bodyOf(content), options)).rejects.toMatchObject({ code: 'store.incomplete' });
    });

    test('of which a byte came changed is refused before it is visible', async () => {
      const driver = await open();
      const upload = await driver.beginUpload('a', { ...put(), size: undefined });
      server.faults.next({ kind: 'flip-byte' }, 'PUT', /upload_id/);
      await upload.putPart({ index: 0, offset: 0, last: true }, bodyOf(content), options);
      await expect(upload.complete(options)).rejects.toMatchObject({ code: 'store.incomplete' });
      expect(await driver.head('a', options)).toBeUndefined();
    });

    test('is given back by abort', async () => {
      const driver = await open();
      const upload = await driver.beginUpload('a', { ...put(), size: undefined });
      await upload.putPart({ index: 0, offset: 0, last: false }, bodyOf(parts[0]), options);
      await upload.abort(options);
      await upload.abort(options);
      expect(server.api.sessions.open).toBe(0);
    });
  });

  test('a whole put of which a byte came changed is refused, and may be tried again', async () => {
    const driver = await open();
    server.faults.next({ kind: 'flip-byte' }, 'POST', /uploadType=multipart/);
    await expect(driver.putWhole('a', bodyOf(pattern(10_000)), put())).rejects.toMatchObject({
      code: 'store.unavailable',
    });
    expect(await driver.head('a', options)).toBeUndefined();
  });

  describe('reading', () => {
    test('obeys version and range', async () => {
      const driver = await open();
      await driver.putWhole('a', bodyOf('0123456789'), put());
      const range = { offset: 2, length: 3 };
      const { version, size, body } = await driver.read('a', { ...options, range, version: undefined });
      expect([size, (await bytesOf(body)).toString()]).toEqual([10, '234']);
      expect((await bytesOf((await driver.read('a', { ...options, range, version })).body)).toString()).toBe('234');
      for (const beyond of [
        { offset: 8, length: 3 },
        { offset: 10, length: 1 },
      ]) {
        const reading = driver.read('a', { ...options, range: beyond, version: undefined });
        await expect(reading).rejects.toMatchObject({ code: 'store.incomplete' });
      }
      await driver.putWhole('a', bodyOf('other'), put());
      await expect(driver.read('a', { ...options, range, version })).rejects.toMatchObject({ code: 'store.changed' });
      await driver.deleteBatch(['a'], options);
      await expect(driver.read('a', { ...options, range, version })).rejects.toMatchObject({ code: 'store.not-found' });
    });

    test('that breaks off is an error', async () => {
      const driver = await open();
      await driver.putWhole('a', bodyOf(pattern(MIB)), put());
      server.faults.next({ kind: 'cut-answer', after: 1000 }, 'GET', /alt=media/);
      await expect(readAll(driver, 'a')).rejects.toMatchObject({ code: 'store.unavailable' });
    });
  });

  test('what may not be removed yet is retained, with its time where there is one', async () => {
    server.makeBucket('kept', { retentionPeriod: 3600, objectRetention: true });
    const driver = await open({ bucket: 'kept' });
    const stored = await driver.putWhole('a', bodyOf('x'), put());
    expect(await driver.deleteBatch(['a', 'none'], options)).toEqual([
      { key: 'a', kind: 'retained', until: stored.storedAt + 3_600_000 },
      { key: 'none', kind: 'removed' },
    ]);
    const bucket = server.api.buckets.get('kept');
    const until = Date.parse('2099-01-01T00:00:00Z');
    bucket?.update(bucket.get('a'), { retention: { mode: 'Locked', retainUntilTime: new Date(until).toISOString() } });
    expect(await driver.deleteBatch(['a'], options)).toEqual([{ key: 'a', kind: 'retained', until }]);
    const plain = server.api.buckets.get('b');
    const other = await open();
    await other.putWhole('held', bodyOf('x'), put());
    plain?.update(plain.get('held'), { temporaryHold: true });
    expect(await other.deleteBatch(['held'], options)).toEqual([{ key: 'held', kind: 'retained', until: undefined }]);
  });

  test('a delete that meets a busy server fails as a whole, one that may not happen alone', async () => {
    const driver = await open();
    await driver.putWhole('a', bodyOf('x'), put());
    server.faults.next({ kind: 'status', status: 503 }, 'DELETE', /\/o\/a/);
    await expect(driver.deleteBatch(['a', 'b'], options)).rejects.toMatchObject({ code: 'store.throttled' });
    server.faults.next({ kind: 'status', status: 403 }, 'DELETE', /\/o\/a/);
    expect(await driver.deleteBatch(['a', 'b'], options)).toMatchObject([
      { kind: 'failed', error: { code: 'store.denied' } },
      { kind: 'removed' },
    ]);
  });

  test('a busy server says how long to wait', async () => {
    const driver = await open();
    server.faults.next({ kind: 'status', status: 429, retryAfter: '3' }, 'GET', /\/o\/a/);
    const failure: unknown = await driver.head('a', options).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'store.throttled', cause: new RetryAfter(3000) });
  });

  test('a request that hangs ends with its signal', async () => {
    const driver = await open();
    await driver.putWhole('a', bodyOf('x'), put());
    server.pause();
    const stop = new AbortController();
    const heads = [driver.head('a', { signal: stop.signal }), readAll(driver, 'a')];
    stop.abort(new Error('told to stop'));
    await expect(heads[0]).rejects.toThrow('told to stop');
    server.resume();
    await heads[1];
  });

  test('a server that was away is found again', async () => {
    const driver = await open();
    await driver.putWhole('a', bodyOf('x'), put());
    await server.kill();
    await expect(driver.head('a', options)).rejects.toMatchObject({ code: 'store.unavailable' });
    await server.restart();
    expect(await driver.head('a', options)).toMatchObject({ size: 1 });
  });

  test('a large object arrives whole through broken parts, a busy server and one that was started again', async () => {
    const context = gcsContext(server, environment);
    const limits = createTransferLimits(undefined, context.clock);
    const store = remoteStore(await open(), { ...context, limits, uploadRetries: 3 });
    const piece = pattern(MIB);
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 36; index += 1) {
        if (index === 18) {
          await server.kill();
          await server.restart();
        }
        yield piece;
      }
    }
    server.faults.next({ kind: 'cut-request', after: 3 * MIB }, 'PUT', /upload_id/, 2);
    server.faults.next({ kind: 'status', status: 503, retryAfter: '0' }, 'PUT', /upload_id/);
    server.faults.next({ kind: 'lose-answer' }, 'PUT', /upload_id/, 2);
    expect(await store.put('a', body(), { ...options, ifAbsent: true })).toMatchObject({ size: 36 * MIB });
    // Every byte came once, but for what was on its way when a connection broke.
    const sent = server.requests.filter(({ method }) => method === 'PUT').reduce((sum, { bytes }) => sum + bytes, 0);
    expect(sent).toBeLessThan(36 * MIB + 17 * MIB);
    server.faults.next({ kind: 'cut-answer', after: 5 * MIB }, 'GET', /alt=media/, 2);
    const read = await bytesOf(await store.get('a', options));
    expect(read.equals(Buffer.concat(Array.from({ length: 36 }, () => piece)))).toBe(true);
  }, 60_000);
});
