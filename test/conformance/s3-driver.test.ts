import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  ListPartsCommand,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { durationOf } from '../../src/domain/duration.ts';
import type { Body, StoreDriver } from '../../src/storage/remote/driver.ts';
import { remoteStore } from '../../src/storage/remote/remote-store.ts';
import { createTransferLimits } from '../../src/storage/remote/transfer-limits.ts';
import { openS3Driver } from '../../src/storage/s3/s3-driver.ts';
import { type CephServer, isCephInstalled, startCeph } from '../../support/servers/ceph.ts';
import { CEPH_KMS_KEY } from '../../support/servers/ceph-configuration.ts';
import { bytesOf, NEVER, pattern } from './bodies.ts';
import { declaredS3, s3Context } from './s3-declared.ts';

const MIB = 1024 ** 2;
const options = { signal: NEVER };
const token = (): string => randomBytes(16).toString('hex');
const put = (change: { readonly ifAbsent?: boolean; readonly unlocked?: boolean; readonly token?: string } = {}) => ({
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

const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-test-'));
const certificate = makeCertificate(folder);

const where = isCephInstalled() ? '' : ': radosgw, ceph-mon and ceph-osd are not installed';

describe.skipIf(!isCephInstalled())(`The S3 driver on a real Ceph${where}`, () => {
  let ceph: CephServer;
  const open: StoreDriver[] = [];
  beforeAll(async () => {
    if (certificate !== undefined) await writeFile(path.join(folder, 'ca.pem'), certificate.certificate);
    ceph = await startCeph(certificate === undefined ? {} : { tls: certificate });
    for (const kind of ['zonegroup', 'zone']) {
      const more = kind === 'zone' ? ['--data-pool=default.rgw.buckets.data'] : [];
      const placement = ['--placement-id=default-placement', '--storage-class=COLD', ...more];
      await ceph.admin([kind, 'placement', 'add', `--rgw-${kind}=default`, ...placement]);
    }
    await ceph.restart();
    await ceph.makeBucket('plain');
    await ceph.makeBucket('versions', { versioning: true });
    await ceph.makeBucket('locked', { lock: true });
    await ceph.admin(['user', 'create', '--uid=small', '--display-name=s', '--access-key=small', '--secret=small']);
    await ceph.admin(['quota', 'set', '--quota-scope=user', '--uid=small', '--max-size=1000']);
    await ceph.admin(['quota', 'enable', '--quota-scope=user', '--uid=small']);
    const small = ceph.client({ accessKeyId: 'small', secretAccessKey: 'small' });
    await small.send(new CreateBucketCommand({ Bucket: 'small' }));
  });
  afterEach(async () => {
    vi.useRealTimers();
    for (const driver of open.splice(0)) await driver.close();
  });
  afterAll(async () => {
    await ceph?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const driverOf = async (
    bucket = 'plain',
    change: Parameters<typeof declaredS3>[2] = {},
    environment: Parameters<typeof s3Context>[1] = {},
  ): Promise<StoreDriver> => {
    const driver = await openS3Driver(declaredS3(ceph, bucket, change), s3Context(ceph, environment));
    open.push(driver);
    return driver;
  };
  const read = async (driver: StoreDriver, key: string): Promise<Buffer> =>
    bytesOf((await driver.read(key, { ...options, range: undefined, version: undefined })).body);
  /** What a look by a new driver with this key comes to. */
  const head = async (bucket: string, key: string): Promise<unknown> => {
    const driver = await driverOf(bucket, {}, { S3_ACCESS_KEY: key, S3_SECRET_KEY: key });
    return driver.head('none', options).catch((error: unknown) => error);
  };
  const keysBelow = async (driver: StoreDriver, prefix: string): Promise<string[]> =>
    (await driver.listPage(prefix, { ...options, startAfter: undefined, continuation: undefined })).objects.map(
      ({ key }) => key,
    );

  describe('whole puts', () => {
    test.each([
      ['nothing', bodyOf()],
      ['an empty piece', bodyOf(new Uint8Array(0))],
      ['one piece', bodyOf('one')],
      ['several pieces', bodyOf('one', pattern(100_000), 'three')],
    ])('of %s come back as they were', async (name, body) => {
      const driver = await driverOf();
      const key = `whole/${name.replaceAll(' ', '-')}`;
      const info = await driver.putWhole(key, body, put());
      expect(info).toMatchObject({ key, size: body.length });
      expect(Math.abs(info.storedAt - Date.now())).toBeLessThan(60_000);
      expect((await read(driver, key)).equals(Buffer.concat(body.pieces))).toBe(true);
      expect(await driver.head(key, options)).toMatchObject({ key, size: body.length });
    });

    test('an earlier attempt of the same put counts as this one, another put does not', async () => {
      const driver = await driverOf();
      const mine = put({ ifAbsent: true });
      await driver.putWhole('cond/a', bodyOf('mine'), mine);
      expect(await driver.putWhole('cond/a', bodyOf('mine'), mine)).toMatchObject({ key: 'cond/a', size: 4 });
      await expect(driver.putWhole('cond/a', bodyOf('other'), put({ ifAbsent: true }))).rejects.toMatchObject({
        code: 'store.exists',
      });
      expect((await read(driver, 'cond/a')).toString()).toBe('mine');
    });

    test('a body that was damaged on its way is refused', async () => {
      const driver = await driverOf();
      const whole = pattern(50_000);
      const pieces = [whole.subarray(0, 30_000), whole.subarray(30_000)];
      // What the checksum was taken of is not what is sent: whoever reads the second time gets other bytes.
      let readings = 0;
      Object.defineProperty(pieces, Symbol.iterator, {
        *value(): Generator<Uint8Array> {
          readings += 1;
          yield readings === 1 ? whole.subarray(0, 30_000) : Buffer.alloc(30_000);
          yield whole.subarray(30_000);
        },
      });
      const sent = driver.putWhole('damaged', { pieces, length: whole.length }, put());
      await expect(sent).rejects.toMatchObject({ code: 'store.unavailable' });
      expect(readings).toBeGreaterThan(1);
      expect(await driver.head('damaged', options)).toBeUndefined();
    });
  });

  describe('uploads in parts', () => {
    const parts = [pattern(5 * MIB, 1), pattern(5 * MIB, 2), pattern(1234, 3)];
    const send = async (driver: StoreDriver, key: string, how = put()) => {
      const upload = await driver.beginUpload(key, { ...how, size: undefined });
      let offset = 0;
      for (const [index, part] of parts.entries()) {
        const body = bodyOf(part.subarray(0, 100), part.subarray(100));
        await upload.putPart({ index, offset, last: index === parts.length - 1 }, body, options);
        offset += part.length;
      }
      return upload;
    };

    test('become visible whole, and a completion whose answer was lost can be repeated', async () => {
      const driver = await driverOf();
      const upload = await send(driver, 'parts/a');
      expect(await driver.head('parts/a', options)).toBeUndefined();
      const info = await upload.complete(options);
      expect(info).toMatchObject({ key: 'parts/a', size: 10 * MIB + 1234 });
      expect(await upload.complete(options)).toEqual(info);
      expect((await read(driver, 'parts/a')).equals(Buffer.concat(parts))).toBe(true);
    });

    test('a range over a boundary of parts, and only of the version that is wanted', async () => {
      const driver = await driverOf();
      await (await send(driver, 'parts/range')).complete(options);
      const range = { offset: 5 * MIB - 3, length: 6 };
      const found = await driver.read('parts/range', { ...options, range, version: undefined });
      expect(found.size).toBe(10 * MIB + 1234);
      expect((await bytesOf(found.body)).equals(Buffer.concat(parts).subarray(range.offset, range.offset + 6))).toBe(
        true,
      );
      const again = await driver.read('parts/range', { ...options, range, version: found.version });
      expect((await bytesOf(again.body)).length).toBe(6);
      await driver.putWhole('parts/range', bodyOf(pattern(6 * MIB)), put());
      await expect(driver.read('parts/range', { ...options, range, version: found.version })).rejects.toMatchObject({
        code: 'store.changed',
      });
    });

    test('do not replace what was created meanwhile', async () => {
      const driver = await driverOf();
      const upload = await send(driver, 'parts/cond', put({ ifAbsent: true }));
      await driver.putWhole('parts/cond', bodyOf('first'), put());
      await expect(upload.complete(options)).rejects.toMatchObject({ code: 'store.exists' });
      expect((await read(driver, 'parts/cond')).toString()).toBe('first');
      await upload.abort(options);
      await upload.abort(options);
      await expect(upload.complete(options)).rejects.toMatchObject({ code: 'store.exists' });
    });

    test('that were aborted are not taken for complete', async () => {
      const driver = await driverOf();
      const upload = await send(driver, 'parts/aborted');
      await upload.abort(options);
      await expect(upload.complete(options)).rejects.toMatchObject({ code: 'store.unavailable' });
      expect(await driver.head('parts/aborted', options)).toBeUndefined();
    });

    test('that nobody completed are removed by age and prefix', async () => {
      const driver = await driverOf();
      await send(driver, 'abandoned/a');
      await send(driver, 'abandoned/b');
      const other = await send(driver, 'abandoned-not/c');
      expect(await driver.removeAbandonedUploads('abandoned/', Date.now() - 3_600_000, options)).toBe(0);
      expect(await driver.removeAbandonedUploads('abandoned/', Date.now() + 3_600_000, options)).toBe(2);
      expect(await driver.removeAbandonedUploads('abandoned/', Date.now() + 3_600_000, options)).toBe(0);
      expect(await other.complete(options)).toMatchObject({ size: 10 * MIB + 1234 });
    });

    test('survive a gateway that is killed between and within the parts', async () => {
      const driver = await driverOf();
      const upload = await driver.beginUpload('parts/killed', { ...put(), size: undefined });
      const at = (index: number) => ({ index, offset: index * 5 * MIB, last: index === 2 });
      const partOf = (index: number) => bodyOf(parts[index] ?? '');
      await upload.putPart(at(0), partOf(0), options);
      const cut = upload.putPart(at(1), partOf(1), options).catch((error: unknown) => error);
      await ceph.kill();
      expect([undefined, 'store.unavailable']).toContain(codeOf(await cut));
      await expect(upload.putPart(at(1), partOf(1), options)).rejects.toMatchObject({ code: 'store.unavailable' });
      await ceph.restart();
      await upload.putPart(at(1), partOf(1), options);
      await upload.putPart(at(2), partOf(2), options);
      await upload.complete(options);
      expect((await read(driver, 'parts/killed')).equals(Buffer.concat(parts))).toBe(true);
    });
  });

  describe('reads', () => {
    test('an abort ends a request that hangs', async () => {
      const driver = await driverOf();
      await driver.putWhole('hang/a', bodyOf(pattern(1000)), put());
      ceph.pause();
      try {
        const signal = AbortSignal.timeout(300);
        const error = await driver
          .putWhole('hang/b', bodyOf('x'), { ...put(), signal })
          .catch((problem: unknown) => problem);
        expect(error).toBe(signal.reason);
      } finally {
        ceph.resume();
      }
      expect((await read(driver, 'hang/a')).length).toBe(1000);
    });

    test('a request that makes no progress ends by the declared time-out, and may be tried again', async () => {
      const driver = await driverOf('plain', { readTimeout: durationOf(1000) });
      ceph.pause();
      try {
        await expect(driver.putWhole('stalled', bodyOf('x'), put())).rejects.toMatchObject({
          code: 'store.unavailable',
        });
      } finally {
        ceph.resume();
      }
      const patient = await driverOf();
      await patient.putWhole('stalled', bodyOf('x'), put());
    });

    test('a range beyond the end is incomplete', async () => {
      const driver = await driverOf();
      await driver.putWhole('short', bodyOf('ten bytes.'), put());
      for (const range of [
        { offset: 0, length: 11 },
        { offset: 10, length: 1 },
        { offset: 500, length: 2 },
      ]) {
        await expect(driver.read('short', { ...options, range, version: undefined })).rejects.toMatchObject({
          code: 'store.incomplete',
        });
      }
    });
  });

  describe('removal', () => {
    test('of present and absent keys in one request', async () => {
      const driver = await driverOf();
      await driver.putWhole('gone/a', bodyOf('x'), put());
      const results = await driver.deleteBatch(['gone/none', 'gone/a', 'gone/a/b'], options);
      expect(results.map(({ key, kind }) => `${key} ${kind}`)).toEqual([
        'gone/none removed',
        'gone/a removed',
        'gone/a/b removed',
      ]);
      expect(await keysBelow(driver, 'gone/')).toEqual([]);
    });

    test('in a bucket with versions leaves none, and nothing of other keys is touched', async () => {
      const driver = await driverOf('versions');
      for (const text of ['one', 'two', 'three']) await driver.putWhole('a', bodyOf(text), put());
      await driver.putWhole('ab', bodyOf('stays'), put());
      expect(await driver.deleteBatch(['a', 'none'], options)).toMatchObject([
        { kind: 'removed' },
        { kind: 'removed' },
      ]);
      const left = await ceph.client().send(new ListObjectVersionsCommand({ Bucket: 'versions' }));
      expect((left.Versions ?? []).map(({ Key }) => Key)).toEqual(['ab']);
      expect(left.DeleteMarkers ?? []).toEqual([]);
    });

    test('of what object lock protects is "retained until", and it stays readable', async () => {
      const lock = { mode: 'compliance', for: durationOf(3_600_000) } as const;
      const driver = await driverOf('locked', { objectLock: lock });
      expect(driver.capabilities.objectLock).toBe(true);
      const before = Date.now();
      await driver.putWhole('whole', bodyOf('kept'), put());
      await driver.putWhole('lease', bodyOf('goes'), put({ unlocked: true }));
      const upload = await driver.beginUpload('parts', { ...put(), size: undefined });
      await upload.putPart({ index: 0, offset: 0, last: true }, bodyOf('kept, too'), options);
      await upload.complete(options);
      const results = await driver.deleteBatch(['whole', 'lease', 'parts'], options);
      expect(results.map(({ kind }) => kind)).toEqual(['retained', 'removed', 'retained']);
      for (const result of results) {
        if (result.kind !== 'retained') continue;
        expect(result.until).toBeGreaterThan(before + 3_590_000);
        expect(result.until).toBeLessThan(Date.now() + 3_610_000);
      }
      expect((await read(driver, 'whole')).toString()).toBe('kept');
      expect(await keysBelow(driver, '')).toEqual(['parts', 'whole']);
    });

    test('a lock that a crash kept from an object in parts is put on by whoever comes next', async () => {
      const lock = { mode: 'compliance', for: durationOf(3_600_000) } as const;
      const driver = await driverOf('locked', { objectLock: lock });
      const client = ceph.client();
      const locked = async (Key: string): Promise<Date | undefined> =>
        (await client.send(new HeadObjectCommand({ Bucket: 'locked', Key }))).ObjectLockRetainUntilDate;
      /** As hoard leaves it that is killed between the completion and what follows it. */
      const crash = async (Key: string): Promise<void> => {
        const upload = await driver.beginUpload(Key, { ...put({ ifAbsent: true }), size: undefined });
        await upload.putPart({ index: 0, offset: 0, last: true }, bodyOf('kept'), options);
        const at = { Bucket: 'locked', Key };
        const listed = await client.send(new ListMultipartUploadsCommand({ Bucket: 'locked', Prefix: Key }));
        const UploadId = listed.Uploads?.[0]?.UploadId;
        const parts = await client.send(new ListPartsCommand({ ...at, UploadId }));
        const Parts = (parts.Parts ?? []).map(({ ETag, PartNumber }) => ({ ETag, PartNumber }));
        await client.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }));
        // What this version of Ceph forgets: the day it does not, the rest of this test shows nothing.
        expect(await locked(Key)).toBeUndefined();
      };
      const near = Date.now() + 3_600_000;
      const expectLock = async (key: string): Promise<void> => {
        expect(Math.abs(((await locked(key))?.getTime() ?? 0) - near)).toBeLessThan(60_000);
      };
      // A segment of WAL that PostgreSQL offers again is found, and looked at.
      await crash('wal/seen-again');
      expect(await driver.head('wal/seen-again', options)).toMatchObject({ size: 4 });
      await expectLock('wal/seen-again');
      // A repeat of the put itself.
      await crash('wal/put-again');
      const context = s3Context(ceph);
      const limits = createTransferLimits(undefined, context.clock);
      const store = remoteStore(driver, { ...context, limits, uploadRetries: 3 });
      const large = pattern(17 * 1024 ** 2);
      async function* body(): AsyncGenerator<Uint8Array> {
        yield large;
      }
      await expect(store.put('wal/put-again', body(), { ...options, ifAbsent: true })).rejects.toMatchObject({
        code: 'store.exists',
      });
      await expectLock('wal/put-again');
      // Who declares no lock leaves it as it is, and what was meant to have none gets none.
      await crash('wal/other-policy');
      await (await driverOf('locked')).head('wal/other-policy', options);
      expect(await locked('wal/other-policy')).toBeUndefined();
      await driver.putWhole('wal/unlocked', bodyOf('x'), put({ unlocked: true }));
      await driver.head('wal/unlocked', options);
      expect(await locked('wal/unlocked')).toBeUndefined();
      const kinds = (await driver.deleteBatch(['wal/seen-again', 'wal/put-again', 'wal/unlocked'], options)).map(
        ({ kind }) => kind,
      );
      expect(kinds).toEqual(['retained', 'retained', 'removed']);
    });

    test('a lock that the bucket puts on by itself is seen without any in the policy', async () => {
      const lock = { mode: 'governance', for: durationOf(3_600_000) } as const;
      const locking = await driverOf('locked', { objectLock: lock });
      await locking.putWhole('governed', bodyOf('kept'), put());
      const driver = await driverOf('locked');
      expect(await driver.deleteBatch(['governed'], options)).toMatchObject([{ kind: 'retained' }]);
    });
  });

  describe('refusals', () => {
    test('a bucket that is not there is an absent store for every request', async () => {
      const driver = await driverOf('no-such-bucket');
      const absent = { code: 'store.absent', hint: expect.stringContaining('make the bucket') };
      await expect(driver.head('a', options)).rejects.toMatchObject(absent);
      await expect(read(driver, 'a')).rejects.toMatchObject(absent);
      await expect(keysBelow(driver, '')).rejects.toMatchObject(absent);
      await expect(driver.putWhole('a', bodyOf('x'), put())).rejects.toMatchObject(absent);
      await expect(driver.beginUpload('a', { ...put(), size: undefined })).rejects.toMatchObject(absent);
      await expect(driver.deleteBatch(['a'], options)).rejects.toMatchObject(absent);
      await expect(driver.removeAbandonedUploads('', 0, options)).rejects.toMatchObject(absent);
    });

    test.each([
      ['a wrong secret', { S3_SECRET_KEY: 'not-the-secret-of-it' }, 'environment variable S3_SECRET_KEY'],
      ['an unknown key', { S3_ACCESS_KEY: 'nobody-has-this-key' }, 'environment variable S3_ACCESS_KEY'],
    ])('%s is named by where it came from, never by its value', async (_, environment, reference) => {
      const driver = await driverOf('plain', {}, environment);
      const requests: readonly (() => Promise<unknown>)[] = [
        () => driver.putWhole('a', bodyOf('x'), put()),
        () => read(driver, 'a'),
        () => keysBelow(driver, ''),
        () => driver.deleteBatch(['a'], options),
      ];
      for (const request of requests) {
        const error = await request().catch((problem: unknown) => problem);
        expect(codeOf(error)).toBe('store.denied');
        const text = String(error) + String(error instanceof Error && 'hint' in error ? error.hint : '');
        expect(text).toContain(reference);
        for (const value of Object.values(environment)) expect(text).not.toContain(value);
      }
      expect(codeOf(await driver.head('a', options).catch((problem: unknown) => problem))).toBe('store.denied');
    });

    test('a rotated key is used as soon as the old one was refused', async () => {
      const environment: Record<string, string> = { S3_SECRET_KEY: 'an-old-secret' };
      const rotating = await driverOf('plain', {}, environment);
      await expect(rotating.putWhole('rotated', bodyOf('x'), put())).rejects.toMatchObject({ code: 'store.denied' });
      environment['S3_SECRET_KEY'] = ceph.secretKey;
      await rotating.putWhole('rotated', bodyOf('x'), put());
    });

    test('a key that is taken away in the middle is no failure where its successor lies in its place', async () => {
      const key = (what: string, id: string): readonly string[] => ['key', what, '--uid=rotated', `--access-key=${id}`];
      await ceph.admin(['user', 'create', '--uid=rotated', '--display-name=r', '--access-key=old', '--secret=old']);
      const old = ceph.client({ accessKeyId: 'old', secretAccessKey: 'old' });
      await old.send(new CreateBucketCommand({ Bucket: 'rotated' }));
      old.destroy();
      const environment: Record<string, string> = { S3_ACCESS_KEY: 'old', S3_SECRET_KEY: 'old' };
      const driver = await driverOf('rotated', {}, environment);
      const upload = await driver.beginUpload('a', { ...put(), size: undefined });
      const parts = [pattern(5 * MIB, 1), pattern(77, 2)];
      await upload.putPart({ index: 0, offset: 0, last: false }, bodyOf(parts[0] ?? ''), options);
      await ceph.admin([...key('create', 'new'), '--secret=new', '--key-type=s3']);
      await ceph.admin([...key('rm', 'old'), '--key-type=s3']);
      await expect.poll(async () => codeOf(await head('rotated', 'old'))).toBe('store.denied');
      environment['S3_ACCESS_KEY'] = 'new';
      environment['S3_SECRET_KEY'] = 'new';
      await upload.putPart({ index: 1, offset: 5 * MIB, last: true }, bodyOf(parts[1] ?? ''), options);
      expect(await upload.complete(options)).toMatchObject({ size: 5 * MIB + 77 });
      expect((await read(driver, 'a')).equals(Buffer.concat(parts))).toBe(true);
    });

    test('a clock that is an hour off is named, every time', async () => {
      const driver = await driverOf();
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
      for (let round = 0; round < 2; round += 1) {
        await expect(driver.putWhole('skewed', bodyOf('x'), put())).rejects.toMatchObject({
          code: 'store.denied',
          hint: expect.stringContaining('clock'),
        });
      }
      vi.useRealTimers();
      await driver.putWhole('skewed', bodyOf('x'), put());
    });

    test('a full quota is a full store', async () => {
      const driver = await driverOf('small', {}, { S3_ACCESS_KEY: 'small', S3_SECRET_KEY: 'small' });
      await expect(driver.putWhole('a', bodyOf(pattern(100_000)), put())).rejects.toMatchObject({ code: 'store.full' });
    });
  });

  describe('what the policy declares', () => {
    const describeObject = (key: string) => ceph.client().send(new HeadObjectCommand({ Bucket: 'plain', Key: key }));

    test.each(['whole', 'parts'])('encryption with a key of a key service: %s', async (how) => {
      const driver = await driverOf('plain', { serverSideEncryption: 'aws:kms', kmsKeyId: CEPH_KMS_KEY });
      const key = `kms/${how}`;
      if (how === 'whole') await driver.putWhole(key, bodyOf('secret'), put());
      else {
        const upload = await driver.beginUpload(key, { ...put(), size: undefined });
        await upload.putPart({ index: 0, offset: 0, last: true }, bodyOf('secret'), options);
        await upload.complete(options);
      }
      expect(await describeObject(key)).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: CEPH_KMS_KEY });
      expect((await read(driver, key)).toString()).toBe('secret');
      const range = { offset: 1, length: 3 };
      const part = await driver.read(key, { ...options, range, version: undefined });
      expect((await bytesOf(part.body)).toString()).toBe('ecr');
    });

    test.each([
      ['a key', { serverSideEncryption: 'aws:kms', kmsKeyId: 'no-such-key' }],
      ['a storage class', { storageClass: 'NO_SUCH_CLASS' }],
    ] as const)('%s that the store does not have is refused for good', async (_, change) => {
      const driver = await driverOf('plain', change);
      await expect(driver.putWhole('refused', bodyOf('x'), put())).rejects.toMatchObject({ class: 'terminal' });
    });

    test.skipIf(certificate === undefined)('TLS: the declared authority, or none', async () => {
      const ca = path.join(folder, 'ca.pem');
      const trusting = await driverOf('plain', { endpoint: ceph.tlsEndpoint, tls: { verify: true, ca } });
      await trusting.putWhole('tls/a', bodyOf('one', pattern(300_000)), put());
      expect((await read(trusting, 'tls/a')).length).toBe(300_003);
      const careless = await driverOf('plain', { endpoint: ceph.tlsEndpoint, tls: { verify: false, ca: undefined } });
      expect(await careless.head('tls/a', options)).toMatchObject({ size: 300_003 });
      const strict = await driverOf('plain', { endpoint: ceph.tlsEndpoint });
      await expect(strict.head('tls/a', options)).rejects.toMatchObject({
        code: 'store.denied',
        hint: expect.stringContaining('tls.ca'),
      });
    });

    test('the storage class', async () => {
      const driver = await driverOf('plain', { storageClass: 'COLD' });
      await driver.putWhole('class/a', bodyOf('x'), put());
      expect(await describeObject('class/a')).toMatchObject({ StorageClass: 'COLD' });
    });
  });

  describe('listing', () => {
    test('in pages, in byte order, from a key on', async () => {
      const driver = await driverOf();
      const keys = Array.from({ length: 1203 }, (_, index) => `pages/${String(index).padStart(4, '0')}`);
      for (let from = 0; from < keys.length; from += 100)
        await Promise.all(keys.slice(from, from + 100).map((key) => driver.putWhole(key, bodyOf('x'), put())));
      const found: string[] = [];
      let continuation: string | undefined;
      do {
        const page = await driver.listPage('pages/', { ...options, startAfter: 'pages/0001', continuation });
        found.push(...page.objects.map(({ key }) => key));
        continuation = page.next;
      } while (continuation !== undefined);
      expect(found).toEqual(keys.slice(2));
    });
  });
});

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** For 127.0.0.1, signed by itself; undefined where openssl is not installed. */
function makeCertificate(directory: string): { readonly certificate: string; readonly key: string } | undefined {
  const [key, certificate] = [path.join(directory, 'key.pem'), path.join(directory, 'certificate.pem')];
  const what = ['-subj', '/CN=hoard', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate];
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...what]);
  if (made.status !== 0) return undefined;
  return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
}
